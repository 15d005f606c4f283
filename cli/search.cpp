// fovea search: which settings of a recipe do best.
#include "fovea/search/search.h"

#include <charconv>
#include <filesystem>
#include <memory>
#include <optional>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "cli/json_text.h"
#include "cli/output_file.h"
#include "cli/progress.h"
#include "cli/recipe_flags.h"
#include "cli/search_progress.h"
#include "cli/training.h"
#include "fovea/core/text.h"
#include "fovea/report/table.h"
#include "fovea/train/recipe.h"

namespace fovea::cli {

namespace {

struct Options {
  RecipeFlags flags;
  std::vector<std::string> vary;
  std::optional<int64_t> stages;
  std::string budget, sampler = "random", stopping = "hyperband", metric = "val_top1";
  search::SearchOptions search;
};

// "1h30m", "90s" -> seconds.
double seconds_of(const std::string& text) {
  double total = 0;
  const char *at = text.data(), *end = at + text.size();
  bool good = !text.empty();
  while (good && at != end) {
    double n = 0;
    const auto [rest, error] = std::from_chars(at, end, n);
    good = error == std::errc() && rest != end && n >= 0;
    if (!good) break;
    const double unit = *rest == 's' ? 1 : *rest == 'm' ? 60 : *rest == 'h' ? 3600 : 0;
    good = unit > 0;
    total += n * unit;
    at = rest + 1;
  }
  if (!good || !(total > 0))
    throw std::invalid_argument(
        fmt::format("--budget: expected a time such as 30m, 90s or 1h30m, got \"{}\"", text));
  return total;
}

nlohmann::ordered_json json_of(const search::SearchResult& r) {
  nlohmann::ordered_json j{
      {"folder", r.folder},
      {"interrupted", r.interrupted},
      {"seconds", r.seconds},
      {"metric", name_of(r.measure)},
      {"best", nullptr},
      {"trials", nlohmann::ordered_json::array()},
      {"notes", r.notes}};
  for (const search::Trial& t : r.trials) {
    nlohmann::ordered_json entry{
        {"trial", t.number},
        {"stage", t.stage + 1},
        {"state", name_of(t.state)},
        {"epochs", t.epochs.size()},
        {"score", nullptr},
        {"values", t.values}};
    if (const auto s = search::score(t, r.measure)) entry["score"] = *s;
    if (!t.reason.empty()) entry["reason"] = t.reason;
    j["trials"].push_back(std::move(entry));
  }
  if (r.best) {
    j["best"] = j["trials"][*r.best];
    j["best"]["recipe"] = r.folder + "/best.toml";
  }
  return j;
}

void print_result(const search::SearchResult& r) {
  const auto ranked = search::ranking(r.trials, r.measure);
  report::Table table;
  table.columns = {"trial", "epochs", std::string(name_of(r.measure)), "values"};
  for (size_t i = 0; i < std::min<size_t>(ranked.size(), 5); ++i) {
    const search::Trial& t = r.trials[ranked[i]];
    table.rows.push_back(
        {std::to_string(t.number),
         t.fitted() ? "-" : std::to_string(t.epochs.size()),
         shown_score(*search::score(t, r.measure), r.measure),
         search::text_of(t.values)});
  }
  print(report::text_table(table));
  if (r.best) print("\n" + file_line("recipe", r.folder + "/best.toml") + "\n");
  print(file_line("report", r.folder + "/report.html") + "\n");
}

int run(Options o, const Globals& g) {
  train::Config config = o.flags.config(g);
  o.search.space = search::read_space(config, o.vary);
  if (!o.budget.empty()) o.search.budget = seconds_of(o.budget);
  if (o.sampler == "grid") {
    o.search.sampling = search::Sampling::grid;
    o.search.stages = 1;  // all trials for the grid as it was asked for
  }
  if (o.stages) o.search.stages = int(*o.stages);
  o.search.stopping = search::stopping_of(o.stopping);
  o.search.measure = search::measure_of(o.metric);
  const train::Recipe recipe(config);
  if (o.search.folder.empty())
    o.search.folder = (std::filesystem::path(recipe.folder) / (recipe.name + "-search")).string();
  SearchProgress progress(g.quiet, o.search.measure);
  o.search.watcher = &progress;
  o.search.stop = [signal = watch_signals()] { return signal() == train::Signal::stop; };
  const search::SearchResult r = search::search(config, o.search);
  if (g.json)
    print(json_text(json_of(r)));
  else
    print_result(r);
  for (const std::string& text : r.notes) progress.note(text);
  if (r.interrupted) {
    tell(g, "stopped; the same command goes on");
    return stop_code();
  }
  tell(g, fmt::format("{} in {}", counted(int64_t(r.trials.size()), "trial"), duration(r.seconds)));
  if (!r.best) tell(g, "no trial came to a result: the report says why");
  return r.best ? ok : failure;
}

}  // namespace

Verb search_verb() {
  return {
      "search",
      "Find good settings of a recipe: many short trainings, few long ones",
      {"fovea search recipes/lenet5-mnist.toml --data mnist/ --budget 30m \\\n"
       "    --vary optimizer.lr=log:1e-3:1 --vary optimizer.weight_decay=log:1e-6:1e-2",
       "fovea search --data photos/ --model resnet18 --trials 20 --vary optimizer.name=sgd,adamw",
       "fovea train runs/lenet5-mnist-search/best.toml"},
      [](Arguments& app) {
        auto o = std::make_shared<Options>();
        o->flags.add_to(app);
        app.add_option(
               "--vary",
               o->vary,
               "A setting to search over: log:LOW:HIGH, uniform:LOW:HIGH (with :whole behind, "
               "whole numbers) or A,B,C. May be repeated; a recipe gives the same in its table "
               "[search]")
            ->type_name("KEY=RANGE")
            ->take_all()
            ->allow_extra_args(false);
        app.add_option("--budget", o->budget, "Time for all of it: 30m, 90s, 1h30m")
            ->type_name("TIME");
        app.add_option("--trials", o->search.trials, "Try at most this many settings")
            ->check(positive());
        app.add_option("--jobs", o->search.jobs, "Trials at the same time, which share the threads")
            ->check(positive())
            ->capture_default_str();
        app.add_option(
               "--stages",
               o->stages,
               "Rounds of the search, each in smaller ranges; 2, or 1 for a grid")
            ->check(positive());
        app.add_option("--stopping", o->stopping, "How poor trials end early")
            ->check(one_of({"hyperband", "halving", "none"}))
            ->capture_default_str();
        app.add_option(
               "--eta", o->search.eta, "Of each ETA trials one goes on, with ETA times the epochs")
            ->check(positive())
            ->capture_default_str();
        app.add_option("--metric", o->metric, "What is judged, of the validation split")
            ->check(one_of({"val_top1", "val_loss"}))
            ->capture_default_str();
        app.add_option("--sampler", o->sampler, "random, or a grid")
            ->check(one_of({"random", "grid"}))
            ->capture_default_str();
        app.add_option(
               "--points", o->search.points, "Values tried of each range, with --sampler grid")
            ->check(positive())
            ->capture_default_str();
        app.add_option("--out", o->search.folder, "Folder of the search; runs/NAME-search if empty")
            ->type_name("DIR");
        app.add_flag("--overwrite", o->search.overwrite, "Replace another search in that folder");
        app.add_flag(
            "--keep", o->search.keep_all, "Keep the weights of all trials, not of the best alone");
        return [o](const Globals& g) { return run(*o, g); };
      }};
}

}  // namespace fovea::cli
