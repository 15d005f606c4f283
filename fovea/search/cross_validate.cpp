#include "fovea/search/cross_validate.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <stdexcept>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "fovea/core/atomic_file.h"
#include "fovea/core/number_list.h"
#include "fovea/core/numbers.h"
#include "fovea/report/export.h"
#include "fovea/report/html.h"
#include "fovea/report/svg_dots.h"
#include "fovea/train/recipe.h"

namespace fovea::search {

namespace {

constexpr const char* fold_key = "data.fold";
constexpr int most_folds = 50;

Dimension choices(
    const train::Config& recipe, const std::string& key, const std::vector<std::string>& values) {
  return parse_dimension(
      recipe, key, fmt::format("choice:{}", fmt::join(values, "|")), "[cross_validate]");
}

// Mean, deviation and error over the folds that have a number.
void summarise(FoldRow& row) {
  std::vector<double> known;
  for (double a : row.accuracy)
    if (std::isfinite(a)) known.push_back(a);
  row.mean = mean_of(known);
  row.deviation = deviation_of(known);
  row.error = row.deviation / std::sqrt(double(known.size()));
}

CrossValidation collect(const SearchResult& r, const CrossValidateOptions& o) {
  CrossValidation c{
      .folder = r.folder,
      .name = r.name,
      .key = o.key,
      .folds = o.folds,
      .interrupted = r.interrupted};
  for (const std::string& value : o.key.empty() ? std::vector<std::string>{""} : o.values)
    c.rows.push_back({.value = value, .accuracy = std::vector<double>(size_t(o.folds), NAN)});
  for (const Trial& t : r.trials) {
    const std::string value = o.key.empty() ? "" : t.values.at(o.key);
    const auto row = std::ranges::find(c.rows, value, &FoldRow::value);
    const auto fold = size_t(std::stoi(t.values.at(fold_key)) - 1);
    if (t.state == State::failed)
      c.failures.push_back(fmt::format("{}: {}", text_of(t.values), t.reason));
    else if (t.state == State::done)
      row->accuracy[fold] = t.epochs.back().val_top1;
  }
  for (size_t i = 0; i < c.rows.size(); ++i) {
    summarise(c.rows[i]);
    const double mean = c.rows[i].mean;
    if (std::isfinite(mean) && (!c.best || mean > c.rows[*c.best].mean)) c.best = i;
  }
  return c;
}

std::string percent(double share) {
  return std::isfinite(share) ? fmt::format("{:.2f} %", 100 * share) : "-";
}

report::Table table_of(const CrossValidation& c) {
  report::Table table;
  table.columns = {c.key.empty() ? "recipe" : c.key, "mean", "deviation", "standard error"};
  for (int f = 1; f <= c.folds; ++f) table.columns.push_back(fmt::format("fold {}", f));
  for (const FoldRow& row : c.rows) {
    table.rows.push_back(
        {c.key.empty() ? c.name : row.value,
         percent(row.mean),
         percent(row.deviation),
         percent(row.error)});
    for (double a : row.accuracy) table.rows.back().push_back(percent(a));
  }
  return table;
}

std::string verdict(const CrossValidation& c) {
  if (!c.best) return "no fold has a result";
  const FoldRow& best = c.rows[*c.best];
  return fmt::format(
      "{}{} right on average over {} folds, deviation {}",
      c.key.empty() ? "" : fmt::format("best {}: {}, ", c.key, best.value),
      percent(best.mean),
      c.folds,
      percent(best.deviation));
}

// Values as positions on an axis; empty where one of them is no number.
std::vector<double> numbers_of(const CrossValidation& c) {
  std::vector<double> numbers;
  for (const FoldRow& row : c.rows) {
    const auto v = parse_number<double>(row.value);
    if (!v) return {};
    numbers.push_back(*v);
  }
  return numbers;
}

report::Svg chart_of(const CrossValidation& c) {
  report::DotChart chart{.title = fmt::format("Cross-validation, {} folds", c.folds)};
  chart.x_label = c.key.empty() ? c.name : c.key;
  chart.unit = report::Unit::percent;
  chart.description = verdict(c);
  chart.width = 760;
  chart.height = 420;
  const std::vector<double> numbers = numbers_of(c);
  if (numbers.empty())
    for (const FoldRow& row : c.rows) chart.x_names.push_back(row.value);
  // Rates and the like, a decade or more apart, are read on a logarithmic axis.
  if (!numbers.empty()) {
    const auto [low, high] = std::ranges::minmax(numbers);
    chart.log_x = low > 0 && low < 0.1 && high >= 10 * low;
  }
  report::DotSeries dots{.name = "accuracy of a fold"};
  for (size_t i = 0; i < c.rows.size(); ++i) {
    const FoldRow& row = c.rows[i];
    const double x = numbers.empty() ? double(i) : numbers[i];
    for (size_t f = 0; f < row.accuracy.size(); ++f)
      dots.dots.push_back(
          {x,
           row.accuracy[f],
           fmt::format("{} fold {}: {}", row.value, f + 1, percent(row.accuracy[f]))});
    chart.spreads.push_back({x, row.mean, std::isfinite(row.deviation) ? row.deviation : 0});
  }
  chart.series.push_back(std::move(dots));
  return report::dot_chart(chart);
}

std::string csv_of(const CrossValidation& c) {
  std::string text = "value,fold,accuracy\n";
  for (const FoldRow& row : c.rows)
    for (size_t f = 0; f < row.accuracy.size(); ++f)
      text += fmt::format("{},{},{:.6f}\n", report::csv_cell(row.value), f + 1, row.accuracy[f]);
  return text;
}

}  // namespace

CrossValidation cross_validate(const train::Config& recipe, const CrossValidateOptions& o) {
  if (o.folds < 2 || o.folds > most_folds)
    throw std::invalid_argument(
        fmt::format("[cross_validate] expected 2 to {} folds, got {}", most_folds, o.folds));
  if (!o.key.empty() && o.values.empty())
    throw std::invalid_argument(
        fmt::format("[cross_validate] expected values of {}, got none", o.key));
  if (o.key == fold_key || o.key == "data.folds")
    throw std::invalid_argument("[cross_validate] the folds themselves cannot be compared");
  train::Config config = recipe;
  config.set("data.folds", std::to_string(o.folds), "--folds");
  SearchOptions s{
      .jobs = o.jobs,
      .stages = 1,
      .sampling = Sampling::grid,
      .stopping = Stopping::none,
      .folder = o.folder,
      .overwrite = o.overwrite,
      .watcher = o.watcher,
      .stop = o.stop};
  if (!o.key.empty()) s.space.push_back(choices(config, o.key, o.values));
  std::vector<std::string> folds;
  for (int f = 1; f <= o.folds; ++f) folds.push_back(std::to_string(f));
  s.space.push_back(choices(config, fold_key, folds));
  CrossValidation c = collect(search(config, s), o);
  // The search over folds has no best recipe to speak of.
  std::filesystem::remove(std::filesystem::path(o.folder) / "best.toml");
  write_cross_validation(c, (std::filesystem::path(o.folder) / "report.html").string());
  return c;
}

std::string text_of(const CrossValidation& c) {
  return report::text_table(table_of(c)) + "\n" + verdict(c) + "\n";
}

void write_cross_validation(const CrossValidation& c, const std::string& path) {
  const std::string ending = report::ending_of("[cross_validate]", path, {".html", ".svg", ".csv"});
  if (ending == ".svg") return write_file_atomic(path, chart_of(c).markup);
  if (ending == ".csv") return write_file_atomic(path, csv_of(c));
  report::HtmlReport html(
      "Cross-validation: " + c.name,
      fmt::format("{} trainings on {} folds", c.rows.size() * size_t(c.folds), c.folds));
  std::vector<report::Card> cards;
  if (c.best) {
    const FoldRow& best = c.rows[*c.best];
    if (!c.key.empty()) cards.push_back({"Best " + c.key, best.value, "by the mean of its folds"});
    cards.push_back(
        {"Accuracy", percent(best.mean), fmt::format("deviation {}", percent(best.deviation))});
  }
  html.cards(cards);
  for (const std::string& text : c.failures) html.note(report::Tone::warning, text);
  const report::Figure figures[] = {
      {chart_of(c),
       "A dot is the accuracy on one fold of a model trained on the others; bars are one standard "
       "deviation of single folds to both sides of the mean."}};
  html.figures(figures);
  html.table(table_of(c));
  html.write(path);
}

}  // namespace fovea::search
