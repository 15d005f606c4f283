// A range test in words and pictures.
#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "fovea/core/atomic_file.h"
#include "fovea/report/export.h"
#include "fovea/report/html.h"
#include "fovea/train/lr_range.h"

namespace fovea::train {

namespace {

std::string verdict(const LrRange& r) {
  if (!r.suggestion) return "no learning rate to suggest";
  return fmt::format(
      "learning rate {:.2g}: the loss falls most steeply from {:.2g} to {:.2g} and is least at "
      "{:.2g}",
      *r.suggestion,
      r.from,
      r.to,
      r.least_lr);
}

std::string evidence(const LrRange& r) {
  return fmt::format(
      "sureness {}: the loss falls by {:.3g}, single batches scatter by {:.2g}",
      name_of(r.sure),
      r.fall,
      r.scatter);
}

report::Table table_of(const LrRange& r, size_t most) {
  report::Table table;
  table.columns = {"rate", "loss", "average"};
  const size_t n = r.points.size(), every = std::max<size_t>(1, (n + most - 1) / most);
  for (size_t i = 0; i < n; ++i) {
    if (i % every != 0 && i + 1 != n) continue;
    const LrPoint& p = r.points[i];
    table.rows.push_back(
        {fmt::format("{:.2e}", p.lr),
         fmt::format("{:.4f}", p.loss),
         fmt::format("{:.4f}", p.average)});
  }
  return table;
}

report::Svg chart_of(const LrRange& r) {
  report::LineChart chart{.title = "Loss by learning rate"};
  chart.x_label = "learning rate";
  chart.log_x = true;
  chart.width = 760;
  chart.height = 420;
  report::Series average{"average", {}, {}}, single{"single batches", {}, {}};
  double low = INFINITY, high = -INFINITY;
  for (const LrPoint& p : r.points) {
    low = std::min({low, p.average, p.loss});
    high = std::max(high, p.average);
  }
  // Where it diverges, a few losses would make all others a flat line.
  if (!r.points.empty()) high = std::min(high, 2 * r.points.front().average);
  for (const LrPoint& p : r.points) {
    for (auto [series, y] : {std::pair{&single, p.loss}, {&average, p.average}}) {
      series->x.push_back(p.lr);
      series->y.push_back(y <= high * 1.1 ? y : NAN);
    }
  }
  chart.series = {average, single};
  if (r.suggestion)
    chart.series.push_back(
        {fmt::format("suggested, {:.2g}", *r.suggestion),
         {*r.suggestion, *r.suggestion},
         {low, high}});
  chart.description = verdict(r);
  return report::line_chart(chart);
}

std::string csv_of(const LrRange& r) {
  std::string text = "lr,loss,average\n";
  for (const LrPoint& p : r.points)
    text += fmt::format("{:.9g},{:.9g},{:.9g}\n", p.lr, p.loss, p.average);
  return text;
}

}  // namespace

std::string_view name_of(Sureness s) {
  constexpr std::string_view names[] = {"none", "poor", "fair", "good"};
  return names[size_t(s)];
}

std::string lr_range_text(const LrRange& r, int most) {
  std::string text = report::text_table(table_of(r, size_t(std::max(most, 1))));
  text += fmt::format("\n{}\n", verdict(r));
  if (r.suggestion) text += evidence(r) + "\n";
  if (r.recipe_lr > 0) text += fmt::format("the recipe has {:.3g}\n", r.recipe_lr);
  return text;
}

void write_lr_range(const LrRange& r, const std::string& path) {
  const std::string ending = report::ending_of("[lr_range_test]", path, {".html", ".svg", ".csv"});
  if (ending == ".csv") return write_file_atomic(path, csv_of(r));
  if (ending == ".svg") return write_file_atomic(path, chart_of(r).markup);
  report::HtmlReport page("Learning rate", r.title);
  if (r.suggestion) {
    const report::Card cards[] = {
        {"Suggested",
         fmt::format("{:.2g}", *r.suggestion),
         fmt::format("steepest fall from {:.2g} to {:.2g}", r.from, r.to)},
        {"Least loss at", fmt::format("{:.2g}", r.least_lr), "already too fast to last"},
        {"Sureness",
         std::string(name_of(r.sure)),
         fmt::format("fall {:.3g}, scatter {:.2g}", r.fall, r.scatter),
         r.sure == Sureness::poor ? report::Tone::warning : report::Tone::neutral}};
    page.cards(cards);
  } else {
    page.paragraph("There is " + verdict(r) + ".");
  }
  for (const std::string& text : r.notes) page.note(report::Tone::warning, text);
  page.section("The curve");
  const report::Figure figures[] = {
      {chart_of(r), "Each point is one training step; the rate grows from step to step."}};
  page.figures(figures);
  page.table(table_of(r, r.points.size()));
  page.write(path);
}

}  // namespace fovea::train
