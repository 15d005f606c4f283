// fovea tune: measures which route each convolution should take on this machine.
#include "fovea/train/tune.h"

#include <filesystem>
#include <memory>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "cli/json_text.h"
#include "cli/model_flags.h"
#include "fovea/backend/instruction_set.h"
#include "fovea/core/device.h"
#include "fovea/core/text.h"

namespace fovea::cli {

namespace {

struct Options {
  ModelFlags flags;
  std::string out = "conv-rule.json";
  int rounds = 5;
};

nlohmann::ordered_json json_of(const train::TunedConv& c) {
  const cpu::ConvPlace& p = c.place;
  nlohmann::ordered_json seconds;
  for (cpu::ConvRoute route : cpu::conv_routes)
    seconds[std::string(cpu::name_of(route))] = c.of(route);
  return {
      {"pass", cpu::name_of(p.pass)},
      {"prepared", p.prepared},
      {"x", {p.n, p.h, p.w, p.in}},
      {"y", {p.n, p.ho, p.wo, p.out}},
      {"seconds", seconds},
      {"fixed", cpu::name_of(c.fixed)},
      {"best", cpu::name_of(c.best)}};
}

// The rule that is there, to add to, or a new one where it is of another machine.
train::TunedRule rule_of(const std::string& path, const Globals& g) {
  train::TunedRule fresh{cpu::arithmetic(), threads(), {}};
  if (!std::filesystem::exists(path)) return fresh;
  train::TunedRule rule = train::read_tuned_rule(path);
  if (rule.arithmetic == fresh.arithmetic && rule.threads == fresh.threads) return rule;
  tell(
      g,
      fmt::format(
          "{} was measured with {} on {}; it is written anew",
          path,
          rule.arithmetic,
          counted(rule.threads, "thread")));
  return fresh;
}

int run(const Options& o, const Globals& g) {
  cpu::use_conv_rule({});
  train::TunedRule rule = rule_of(o.out, g);
  models::Model model = o.flags.load();
  const auto convs = train::tune(
      model,
      {.training = o.flags.train, .batch = o.flags.pictures(), .rounds = o.rounds},
      [&](size_t done, size_t of) {
        if (done % 10 == 0) tell(g, fmt::format("measured {} of {} convolutions", done, of));
      });
  train::apply(convs, rule);
  train::write_tuned_rule(o.out, rule);
  if (g.json) {
    nlohmann::ordered_json list = nlohmann::json::array();
    for (const train::TunedConv& c : convs) list.push_back(json_of(c));
    const nlohmann::ordered_json j{
        {"arithmetic", rule.arithmetic},
        {"threads", rule.threads},
        {"convolutions", list},
        {"exceptions", rule.exceptions.size()},
        {"file", o.out}};
    print(json_text(j));
  } else {
    print(train::tuning_text(convs));
    print(fmt::format(
        "{} has {} exceptions; --conv-rule {} makes any verb follow it\n",
        o.out,
        rule.exceptions.size(),
        o.out));
  }
  return ok;
}

}  // namespace

Verb tune_verb() {
  return {
      "tune",
      "Measure which algorithm each convolution of a network should use here",
      {"fovea tune resnet18_cifar --train --batch 32",
       "fovea bench resnet18_cifar --train --batch 32 --conv-rule conv-rule.json"},
      [](Arguments& app) {
        auto o = std::make_shared<Options>();
        o->flags.add_to(app);
        app.add_option("--out", o->out, "Where the rule is written, or added to")
            ->type_name("FILE")
            ->capture_default_str();
        app.add_option("--rounds", o->rounds, "Rounds to take the median of")->check(positive());
        return [o](const Globals& g) { return run(*o, g); };
      }};
}

}  // namespace fovea::cli
