// A loss surface as pictures.
#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "fovea/core/atomic_file.h"
#include "fovea/report/export.h"
#include "fovea/report/html.h"
#include "fovea/train/loss_surface.h"

namespace fovea::train {

namespace {

constexpr int lines = 12;

// The least and the largest finite loss.
std::pair<double, double> extent(const report::Grid& g) {
  double low = INFINITY, high = -INFINITY;
  for (double v : g.values)
    if (std::isfinite(v)) low = std::min(low, v), high = std::max(high, v);
  return {low, high};
}

double place(const PlaneRange& r, bool x, int i) {
  const double low = x ? r.x_low : r.y_low, high = x ? r.x_high : r.y_high;
  return low + (high - low) * i / (r.side - 1);
}

// The loss along the middle row and the middle column.
report::Svg cross_sections(const LossSurface& s) {
  report::LineChart chart{.title = "Through the middle"};
  chart.x_label = "along the direction";
  chart.height = 270;
  report::Series first{"first direction", {}, {}}, second{"second direction", {}, {}};
  const int middle = s.range.side / 2;
  for (int i = 0; i < s.range.side; ++i) {
    first.x.push_back(place(s.range, true, i));
    first.y.push_back(s.losses.at(middle, i));
    second.x.push_back(place(s.range, false, i));
    second.y.push_back(s.losses.at(i, middle));
  }
  chart.series = {first, second};
  return report::line_chart(chart);
}

std::string csv_of(const LossSurface& s) {
  std::string text = "x,y,loss\n";
  for (int r = 0; r < s.losses.rows; ++r)
    for (int c = 0; c < s.losses.columns; ++c)
      text += fmt::format(
          "{:.6g},{:.6g},{:.9g}\n",
          place(s.range, true, c),
          place(s.range, false, r),
          s.losses.at(r, c));
  return text;
}

}  // namespace

report::FieldChart surface_chart(const LossSurface& s) {
  report::FieldChart chart{.title = s.is_path() ? "The way of the weights" : "Loss surface"};
  chart.description = fmt::format("{} on {} samples of {}", s.title, s.pictures, s.split);
  chart.x_label = s.is_path() ? "first principal direction" : "first direction";
  chart.y_label = s.is_path() ? "second principal direction" : "second direction";
  auto [low, high] = extent(s.losses);
  if (low > high) {
    chart.title += ": no loss is finite here";
    low = high = 1;
  }
  report::Grid logs = s.losses;
  const double least = std::max(low, 1e-12);
  for (double& v : logs.values) v = std::log(std::max(v, least));
  const double from = std::log(least), to = std::log(std::max(high, least));
  chart.picture = report::heat_picture(logs, from, to);
  chart.smooth = true;
  // Half a cell lies beyond the outermost places.
  const double x_half = (s.range.x_high - s.range.x_low) / (s.range.side - 1) / 2;
  const double y_half = (s.range.y_high - s.range.y_low) / (s.range.side - 1) / 2;
  chart.x_low = s.range.x_low - x_half;
  chart.x_high = s.range.x_high + x_half;
  chart.y_low = s.range.y_low - y_half;
  chart.y_high = s.range.y_high + y_half;
  chart.grid = s.losses;
  for (int i = 1; i <= lines; ++i)
    chart.levels.push_back(std::exp(from + (to - from) * i / (lines + 1)));
  chart.tracks = {{s.path.x, s.path.y}};
  for (size_t i = 0; i < s.path.x.size(); ++i)
    chart.marks.push_back(
        {s.path.x[i],
         s.path.y[i],
         6,
         fmt::format("{} of {}, loss {:.3g}", i + 1, s.path.x.size(), s.path_losses[i])});
  if (!s.is_path()) chart.marks = {{0, 0, 6, "the trained model"}};
  return chart;
}

report::Figure surface_figure(const LossSurface& s) {
  const auto [low, high] = extent(s.losses);
  const std::string colours = fmt::format(
      " Colours and lines follow the logarithm of the loss, from {:.3g} (dark) to {:.3g}.",
      low,
      high);
  if (s.is_path())
    return {
        report::field_chart(surface_chart(s)),
        fmt::format(
            "The loss on the plane in which the weights moved most, which holds {:.0f} % of their "
            "way; the red line is that way, and it ends at (0, 0).",
            100 * s.path.explained) +
            colours};
  return {
      report::field_chart(surface_chart(s)),
      "The mean loss where the weights are moved along two random directions, each filter's as "
      "long as the filter; the model is in the middle." +
          colours};
}

void add_surface(report::HtmlReport& page, const LossSurface& s) {
  const auto [low, high] = extent(s.losses);
  std::vector<report::Card> cards;
  if (s.is_path())
    cards = {
        {"At the first", fmt::format("{:.3g}", s.path_losses.front()), "of the snapshots"},
        {"At the last", fmt::format("{:.3g}", s.path_losses.back()), "at (0, 0)"},
        {"Of the path", fmt::format("{:.0f} %", 100 * s.path.explained), "lies in this plane"}};
  else
    cards = {
        {"At the model",
         fmt::format("{:.3g}", s.losses.at(s.range.side / 2, s.range.side / 2)),
         "in the middle"},
        {"Least", fmt::format("{:.3g}", low)}};
  cards.push_back({"Largest", fmt::format("{:.3g}", high)});
  page.cards(cards);
  const report::Figure figures[] = {
      surface_figure(s),
      {cross_sections(s), s.is_path() ? "The middle row and column of the picture." : ""}};
  page.figures(figures);
  page.paragraph(fmt::format(
      "Over {} samples of the {} split. Batch norms divide by the {}; dropout is off.",
      s.pictures,
      s.split == "train" ? "training"
      : s.split == "val" ? "validation"
                         : s.split,
      s.statistics == NormStatistics::batch ? "statistics of each batch, as in training"
                                            : "running statistics of the trained model"));
}

void write_loss_surface(const LossSurface& s, const std::string& path) {
  const std::string ending = report::ending_of("[loss_surface]", path, {".html", ".svg", ".csv"});
  if (ending == ".csv") return write_file_atomic(path, csv_of(s));
  if (ending == ".svg")
    return write_file_atomic(path, report::field_chart(surface_chart(s)).markup);
  report::HtmlReport page(
      "Loss surface", fmt::format("{}, {} samples of {}", s.title, s.pictures, s.split));
  add_surface(page, s);
  page.write(path);
}

}  // namespace fovea::train
