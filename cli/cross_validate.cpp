// fovea cross-validate: how well a recipe does, and how far that is chance.
#include "fovea/search/cross_validate.h"

#include <filesystem>
#include <memory>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "cli/json_text.h"
#include "cli/output_file.h"
#include "cli/recipe_flags.h"
#include "cli/search_progress.h"
#include "cli/training.h"
#include "fovea/train/recipe.h"

namespace fovea::cli {

namespace {

struct Options {
  RecipeFlags flags;
  std::string over, chart;
  search::CrossValidateOptions how;
};

nlohmann::ordered_json json_of(const search::CrossValidation& c) {
  nlohmann::ordered_json j{
      {"folder", c.folder},
      {"folds", c.folds},
      {"key", c.key},
      {"interrupted", c.interrupted},
      {"rows", nlohmann::ordered_json::array()},
      {"failures", c.failures}};
  for (const search::FoldRow& row : c.rows)
    j["rows"].push_back(
        {{"value", row.value},
         {"mean", row.mean},
         {"deviation", row.deviation},
         {"standard_error", row.error},
         {"accuracy", row.accuracy}});
  if (c.best) j["best"] = c.rows[*c.best].value;
  return j;
}

// KEY=A,B,C into the options.
void read_over(const std::string& over, const train::Config& recipe, Options& o) {
  const size_t at = over.find('=');
  if (at == std::string::npos || at == 0)
    throw std::invalid_argument(
        fmt::format("--over: expected KEY=A,B,C, such as train.batch=16,64, got \"{}\"", over));
  const search::Dimension d =
      search::parse_dimension(recipe, over.substr(0, at), over.substr(at + 1), "--over");
  if (d.scale != search::Scale::choice)
    throw std::invalid_argument(
        fmt::format("--over: expected values with commas between, got \"{}\"", over));
  o.how.key = d.key;
  o.how.values = d.choices;
}

int run(Options o, const Globals& g) {
  check_output("--chart", o.chart, {".svg", ".csv", ".html"});
  train::Config config = o.flags.config(g);
  config.forget("search.");
  if (!o.over.empty()) read_over(o.over, config, o);
  const train::Recipe recipe(config);
  if (o.how.folder.empty())
    o.how.folder = (std::filesystem::path(recipe.folder) / (recipe.name + "-folds")).string();
  SearchProgress progress(g.quiet, search::Measure::accuracy);
  o.how.watcher = &progress;
  o.how.stop = [signal = watch_signals()] { return signal() == train::Signal::stop; };
  const search::CrossValidation c = search::cross_validate(config, o.how);
  if (!o.chart.empty()) search::write_cross_validation(c, o.chart);
  if (g.json) {
    print(json_text(json_of(c)));
  } else {
    print(search::text_of(c));
    print(file_line("report", c.folder + "/report.html") + "\n");
  }
  for (const std::string& text : c.failures) progress.note(text);
  if (c.interrupted) {
    tell(g, "stopped; the same command goes on");
    return stop_code();
  }
  return c.best ? ok : failure;
}

}  // namespace

Verb cross_validate_verb() {
  return {
      "cross-validate",
      "Train and judge a recipe on k folds of the data",
      {"fovea cross-validate recipes/convnet-digits.toml --folds 5",
       "fovea cross-validate --data photos/ --model lenet5 --over optimizer.lr=0.001,0.01,0.1"},
      [](Arguments& app) {
        auto o = std::make_shared<Options>();
        o->flags.add_to(app);
        app.add_option("--folds", o->how.folds, "Parts of the data; each judges once")
            ->check(positive())
            ->capture_default_str();
        app.add_option("--over", o->over, "A setting, with the values to compare")
            ->type_name("KEY=A,B,C");
        app.add_option("--jobs", o->how.jobs, "Trainings at the same time, which share the threads")
            ->check(positive())
            ->capture_default_str();
        app.add_option(
               "--chart", o->chart, "Also write the chart or its numbers: .svg, .csv, .html")
            ->type_name("FILE");
        app.add_option("--out", o->how.folder, "Folder of the runs; runs/NAME-folds if empty")
            ->type_name("DIR");
        app.add_flag("--overwrite", o->how.overwrite, "Replace other folds in that folder");
        return [o](const Globals& g) { return run(*o, g); };
      }};
}

}  // namespace fovea::cli
