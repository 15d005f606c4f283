#include "cli/application.h"

#include <algorithm>
#include <cstdio>

#include <fmt/format.h>

#include "cli/environment.h"
#include "fovea/core/text.h"
#include "fovea/core/version.h"

namespace fovea::cli {

namespace {

std::string footer(const std::vector<std::string>& examples) {
  std::string text = "Examples:\n";
  for (const std::string& line : examples) text += "  " + line + "\n";
  return text;
}

void add_globals(Arguments& app, Globals& g) {
  app.add_flag("--json", g.json, "Print the result as JSON");
  app.add_flag("-q,--quiet", g.quiet, "Print the result only");
  app.add_option("--threads", g.threads, "Threads of the kernels; 0 uses all processors")
      ->check(not_negative());
  app.add_option("--conv-rule", g.conv_rule, "Follow a rule that `fovea tune` wrote")
      ->type_name("FILE");
}

// The names a mistyped word may have meant: verbs, or the options of the verb that was used.
std::vector<std::string> candidates(const CLI::App& app, bool options) {
  std::vector<std::string> names;
  if (options) {
    for (const CLI::Option* o : app.get_options())
      for (const std::string& name : o->get_lnames()) names.push_back("--" + name);
  } else {
    for (const CLI::App* sub : app.get_subcommands([](const CLI::App*) { return true; }))
      names.push_back(sub->get_name());
  }
  return names;
}

// What an option with too few values behind it expects: "--list: expected one of {a,b}, got none".
std::string too_few(const CLI::App& app, const std::string& message) {
  const std::string name = message.substr(0, message.find(':'));
  const CLI::Option* o = app.get_option_no_throw(name);
  if (!o || o->get_items_expected_min() < 1) return message;
  const std::string type = o->get_type_name();
  const size_t choices = std::min(type.find('{'), type.size()), got = o->results().size();
  return fmt::format(
      "{}: expected {}, got {} ({})",
      name,
      choices < type.size() ? "one of " + type.substr(choices)
                            : counted(o->get_items_expected_min(), "value"),
      got ? std::to_string(got) : "none",
      o->get_description());
}

const CLI::App& used(const CLI::App& app) {
  auto subs = app.get_subcommands();
  return subs.empty() ? app : *subs.front();
}

}  // namespace

Application::Application()
    : app_(
          "Deep learning for visual recognition: from a folder of images to a model in use.",
          "fovea") {
  globals.conv_rule = environment_conv_rule();
  app_.set_version_flag(
      "--version", fmt::format("fovea {} ({})", version(), build_details()), "Print the version");
  app_.require_subcommand(0, 1);
  app_.footer(
      footer(
          {"fovea train --data digits --model convnet",
           "fovea predict runs/convnet-digits/model.safetensors photo.jpg"}) +
      "\n`fovea VERB --help` tells more of each.");
  for (const Verb& verb : verbs()) {
    CLI::App* sub = app_.add_subcommand(verb.name, verb.summary);
    sub->footer(footer(verb.examples));
    Arguments& arguments = *arguments_.emplace_back(std::make_unique<Arguments>(*sub));
    auto action = verb.make(arguments);
    add_globals(arguments, globals);
    sub->callback([this, action] { run_ = action; });
  }
}

void Application::parse(int argc, char** argv) {
  app_.parse(argc, argv);
  if (!run_) throw CLI::CallForHelp();
}

int Application::exit(const CLI::ParseError& e) const {
  if (e.get_exit_code() == 0) {  // --help, --version
    app_.exit(e);
    return ok;
  }
  std::string message = e.what();
  if (dynamic_cast<const CLI::ArgumentMismatch*>(&e)) message = too_few(used(app_), message);
  if (auto* extra = dynamic_cast<const CLI::ExtrasError*>(&e);
      extra || dynamic_cast<const CLI::RequiredError*>(&e)) {
    auto left = app_.remaining(true);
    if (!left.empty()) {
      bool option = left.front().starts_with("-");
      const CLI::App& where = option ? used(app_) : app_;
      const char* kind = option ? "option" : where.get_subcommands().empty() ? "verb" : "argument";
      message = fmt::format(
          "unknown {} \"{}\"{}",
          kind,
          left.front(),
          did_you_mean(left.front(), candidates(where, option)));
    }
  }
  std::fputs(
      fmt::format(
          "{}: {}\n`{} --help` shows what it takes.\n",
          coloured("fovea", Colour::red),
          message,
          &used(app_) == &app_ ? "fovea" : "fovea " + used(app_).get_name())
          .c_str(),
      stderr);
  return usage;
}

const std::vector<Verb>& verbs() {
  // clang-format off
  static const std::vector<Verb> list{
      train_verb(),
      finetune_verb(),
      doctor_verb(),
      find_lr_verb(),
      search_verb(),
      cross_validate_verb(),
      compare_init_verb(),
      loss_surface_verb(),
      toy_verb(),
      features_verb(),
      eval_verb(),
      predict_verb(),
      serve_verb(),
      ensemble_verb(),
      models_verb(),
      convert_verb(),
      pull_verb(),
      parity_verb(),
      data_verb(),
      bench_verb(),
      profile_verb(),
      tune_verb(),
      completion_verb()};
  // clang-format on
  return list;
}

void print(const std::string& text) { std::fputs(text.c_str(), stdout); }

void tell(const Globals& g, const std::string& text) {
  if (!g.quiet) std::fputs((text + "\n").c_str(), stderr);
}

}  // namespace fovea::cli
