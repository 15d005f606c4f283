// fovea train: a recipe, or flags, to a run folder.
#include <atomic>
#include <csignal>
#include <memory>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "cli/progress.h"
#include "cli/recipe_flags.h"
#include "cli/verb.h"
#include "fovea/image/augment.h"
#include "fovea/models/layers.h"
#include "fovea/optim/factory.h"
#include "fovea/optim/schedule.h"
#include "fovea/train/trainer.h"

namespace fovea::cli {

namespace {

std::atomic<int> stop_signal{0};
std::atomic<bool> save_asked{false};

void on_stop(int number) {
  if (stop_signal.exchange(number) != 0) std::_Exit(128 + number);  // the second one aborts
}
void on_save(int) { save_asked = true; }

struct Options {
  RecipeFlags flags;
  std::string resume, list;
  bool print_config = false, overwrite = false, dry_run = false;
};

// Each setting with where it came from.
nlohmann::ordered_json json_of(const train::Config& config) {
  nlohmann::ordered_json j;
  for (const auto& [key, value] : config.under(""))
    j[key] = {{"value", value}, {"origin", config.origin(key)}};
  for (const char* name : {"model.layers", "augment"})
    for (const train::Item& item : config.list(name)) {
      nlohmann::ordered_json entry{{"type", item.type}};
      for (const auto& [option, value] : item.options) entry[option] = value;
      j[name].push_back(std::move(entry));
    }
  return j;
}

nlohmann::ordered_json json_of(const std::vector<optim::MethodInfo>& methods) {
  nlohmann::ordered_json list;
  for (const optim::MethodInfo& m : methods) {
    nlohmann::ordered_json options = nlohmann::ordered_json::array();
    for (const optim::OptionInfo& o : m.options)
      options.push_back({{"name", o.name}, {"default", o.fallback}, {"what", o.doc}});
    list.push_back({{"name", m.name}, {"what", m.doc}, {"paper", m.paper}, {"options", options}});
  }
  return list;
}

// `fovea train --list WHAT --json`: what has a name, what it is, and its options. A layer's option
// without a default must be given.
nlohmann::ordered_json json_of_tables(const std::string& what) {
  using Json = nlohmann::ordered_json;
  Json list;
  if (what == "optimizers") return json_of(optim::optimizer_table());
  if (what == "schedules") return json_of(optim::schedule_table());
  if (what == "settings")
    for (const train::KeyInfo& k : train::recipe_keys())
      list.push_back({{"name", k.key}, {"default", k.fallback}, {"what", k.what}});
  if (what == "layers")
    for (const models::LayerType& t : models::layer_types()) {
      Json options = Json::array();
      for (const models::LayerOption& p : t.options)
        options.push_back(
            {{"name", p.name},
             {"default", p.fallback.empty() ? Json() : Json(p.fallback)},
             {"what", p.what}});
      list.push_back({{"name", t.name}, {"what", t.what}, {"options", options}});
    }
  if (what == "augment")
    for (const image::StepInfo& s : image::step_table()) {
      Json options = Json::array();
      for (const image::StepParameter& p : s.parameters)
        options.push_back({{"name", p.name}, {"default", p.value}, {"what", p.doc}});
      list.push_back({{"name", s.name}, {"what", s.doc}, {"options", options}});
    }
  return list;
}

// `fovea train --list WHAT`: the tables a recipe can draw on.
int list_tables(const std::string& what, const Globals& g) {
  if (g.json) {
    print(json_of_tables(what).dump(2) + "\n");
    return ok;
  }
  std::string text;
  if (what == "settings") {
    for (const train::KeyInfo& k : train::recipe_keys())
      text +=
          fmt::format("{:<28} {:<10} {}\n", k.key, k.fallback.empty() ? "-" : k.fallback, k.what);
  } else if (what == "layers") {
    for (const models::LayerType& t : models::layer_types()) {
      text += fmt::format("{:<12} {}\n", t.name, t.what);
      for (const models::LayerOption& p : t.options)
        text += fmt::format(
            "  {:<10} {:<12} {}\n", p.name, p.fallback.empty() ? "(must)" : p.fallback, p.what);
    }
  } else if (what == "augment") {
    for (const image::StepInfo& s : image::step_table()) {
      text += fmt::format("{:<20} {}\n", s.name, s.doc);
      for (const image::StepParameter& p : s.parameters)
        text += fmt::format("  {:<18} {:<10} {}\n", p.name, p.value, p.doc);
    }
  } else if (what == "optimizers") {
    text = optim::optimizer_help();
  } else if (what == "schedules") {
    text = optim::schedule_help();
  }
  print(text);
  return ok;
}

nlohmann::ordered_json json_of(const train::TrainResult& r) {
  nlohmann::ordered_json j{
      {"folder", r.folder},
      {"model", r.folder + "/model.safetensors"},
      {"interrupted", r.interrupted},
      {"steps", r.steps},
      {"seconds", r.seconds}};
  auto add = [&](const char* split, const std::optional<train::Evaluation>& e) {
    if (e)
      j[split] = {{"samples", e->samples}, {"top1", e->top1}, {"top5", e->top5}, {"loss", e->loss}};
  };
  add("val", r.val);
  add("test", r.test);
  return j;
}

void print_result(const train::TrainResult& r, const Globals& g) {
  if (g.json) {
    print(json_of(r).dump(2) + "\n");
    return;
  }
  if (r.interrupted) {
    print(fmt::format("{}\n", r.folder));
    tell(
        g,
        fmt::format("stopped after step {}; `fovea train --resume {}` goes on", r.steps, r.folder));
    return;
  }
  auto line = [&](const char* split, const std::optional<train::Evaluation>& e) {
    if (e)
      print(fmt::format(
          "{:<10} {:.2f} % of {} right, loss {:.4f}\n", split, 100 * e->top1, e->samples, e->loss));
  };
  line("validation", r.val);
  line("test", r.test);
  print(fmt::format(
      "{:<10} {}/model.safetensors\n{:<10} {}/report.html\n",
      "model",
      r.folder,
      "report",
      r.folder));
  tell(g, fmt::format("trained {} steps in {}", r.steps, duration(r.seconds)));
}

int run_training(const Options& o, const Globals& g) {
  if (!o.list.empty()) return list_tables(o.list, g);
  if (!o.resume.empty() && o.flags.any())
    throw std::invalid_argument(
        "a run that is resumed follows its own recipe.toml: give --resume without settings");
  train::Config config = o.flags.config(g);
  if (o.print_config) {
    print(g.json ? json_of(config).dump(2) + "\n" : config.to_table());
    return ok;
  }
  if (o.dry_run) {
    train::Recipe check(config);
    tell(g, "the recipe is well formed: " + check.name);
    return ok;
  }
  std::signal(SIGINT, on_stop);
  std::signal(SIGTERM, on_stop);
  std::signal(SIGUSR1, on_save);
  Progress progress(g.quiet);
  train::TrainOptions options;
  options.overwrite = o.overwrite;
  options.observer = &progress;
  options.signal = [] {
    if (stop_signal) return train::Signal::stop;
    return save_asked.exchange(false) ? train::Signal::save : train::Signal::go_on;
  };
  train::TrainResult result =
      o.resume.empty() ? train::train(config, options) : train::resume(o.resume, options);
  print_result(result, g);
  return result.interrupted ? 128 + stop_signal : int(ok);
}

}  // namespace

Verb train_verb() {
  return {
      "train",
      "Train a classifier from a recipe or from flags",
      {"fovea train --data digits --model convnet --epochs 3",
       "fovea train recipes/lenet5-mnist.toml --data mnist/ --set optimizer.lr=0.1",
       "fovea train --data photos/ --model resnet18 --set data.height=64",
       "fovea train --resume runs/convnet-digits",
       "fovea train recipes/lenet5-mnist.toml --print-config"},
      [](CLI::App& app) {
        auto o = std::make_shared<Options>();
        o->flags.add_to(app);
        app.add_option("--resume", o->resume, "Go on with a run that was stopped, as it began")
            ->type_name("RUN");
        app.add_flag("--overwrite", o->overwrite, "Replace a run of the same name");
        app.add_flag("--print-config", o->print_config, "Show each setting and where it came from");
        app.add_flag("--dry-run", o->dry_run, "Check the recipe and stop");
        app.add_option("--list", o->list, "Show what a recipe can draw on")
            ->check(CLI::IsMember({"settings", "layers", "augment", "optimizers", "schedules"}));
        return [o](const Globals& g) { return run_training(*o, g); };
      }};
}

}  // namespace fovea::cli
