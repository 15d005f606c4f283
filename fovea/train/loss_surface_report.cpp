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

bool is_path(const LossSurface& s) { return !s.path.x.empty(); }

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
  report::FieldChart chart{.title = "Loss surface"};
  chart.description = fmt::format("{} on {} pictures of {}", s.title, s.pictures, s.split);
  chart.x_label = is_path(s) ? "first principal direction" : "first direction";
  chart.y_label = is_path(s) ? "second" : "second direction";
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
        {s.path.x[i], s.path.y[i], 6, fmt::format("{} of {}", i + 1, s.path.x.size())});
  if (!is_path(s)) chart.marks = {{0, 0, 6, "the trained model"}};
  return chart;
}

void check_loss_surface_path(const std::string& path) {
  report::check_ending("loss_surface", path, {".html", ".svg", ".csv"});
}

void write_loss_surface(const LossSurface& s, const std::string& path) {
  check_loss_surface_path(path);
  if (path.ends_with(".csv")) return write_file_atomic(path, csv_of(s));
  const report::Svg surface = report::field_chart(surface_chart(s));
  if (path.ends_with(".svg")) return write_file_atomic(path, surface.markup);
  report::HtmlReport page(
      "Loss surface", fmt::format("{}, {} pictures of {}", s.title, s.pictures, s.split));
  const auto [low, high] = extent(s.losses);
  std::vector<report::Card> cards{
      {"Least", fmt::format("{:.3g}", low)}, {"Largest", fmt::format("{:.3g}", high)}};
  if (is_path(s))
    cards.push_back(
        {"Of the path", fmt::format("{:.0f} %", 100 * s.path.explained), "lies in this plane"});
  else
    cards.insert(
        cards.begin(),
        {"At the model",
         fmt::format("{:.3g}", s.losses.at(s.range.side / 2, s.range.side / 2)),
         "in the middle"});
  page.cards(cards);
  const report::Figure figures[] = {
      {surface,
       is_path(s) ? "The plane in which the snapshots of the run differ most; the red line is the "
                    "way the training went. Colours and lines follow the logarithm of the loss."
                  : "The mean loss where the weights are moved along two random directions, each "
                    "filter's as long as the filter. Colours and lines follow the logarithm."},
      {cross_sections(s), is_path(s) ? "The middle row and column of the picture." : ""}};
  page.figures(figures);
  page.paragraph(
      s.statistics == NormStatistics::batch
          ? "Batch norms divide by the statistics of each batch, as in training; dropout is off."
          : "Batch norms divide by the running statistics of the trained model; dropout is off.");
  page.write(path);
}

}  // namespace fovea::train
