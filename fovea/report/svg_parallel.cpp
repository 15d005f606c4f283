#include <algorithm>
#include <cmath>
#include <numeric>
#include <stdexcept>

#include <fmt/format.h>

#include "fovea/report/markup.h"
#include "fovea/report/svg_axis.h"
#include "fovea/report/svg_dots.h"
#include "fovea/report/svg_parts.h"

namespace fovea::report {

namespace {

constexpr double top = 66, foot = 14;
// Labels stay readable where lines cross them.
constexpr std::string_view halo =
    R"(style="paint-order:stroke;stroke:var(--page);stroke-width:4px")";

Axis axis_of(const ParallelChart& chart, size_t i) {
  const ParallelAxis& a = chart.axes[i];
  Range range;
  for (const ParallelLine& line : chart.lines)
    if (const double v = line.values[i]; std::isfinite(v) && (!a.log || v > 0)) range.add(v);
  if (!a.names.empty()) range = {-0.5, double(a.names.size()) - 0.5};
  Axis axis(range, {.log = a.log, .out_to_ticks = false, .unit = a.unit});
  axis.from = chart.height - foot;
  axis.to = top;
  return axis;
}

void draw_axis(const ParallelAxis& a, const Axis& axis, double x, double room, std::string& out) {
  out += fmt::format(R"(<path class="a" d="M{:.1f} {:.1f}V{:.1f}"/>)", x, axis.from, axis.to);
  auto label = [&](double at, const std::string& text) {
    out += fmt::format(R"(<path class="a" d="M{:.1f} {:.1f}h4"/>)", x - 4, axis.at(at));
    out += svg_text(x - 7, axis.at(at) + 4.5, Anchor::end, text, halo);
  };
  if (a.names.empty()) {
    const auto labels = axis.labels();
    for (size_t i = 0; i < labels.size(); ++i) label(axis.ticks()[i], labels[i]);
  } else {
    for (size_t i = 0; i < a.names.size(); ++i) label(double(i), fit_text(a.names[i], room * 0.7));
  }
  // The last word of a key tells more than its section.
  const std::string name =
      text_width(a.name) <= room ? a.name : a.name.substr(a.name.rfind('.') + 1);
  out += svg_text(x, top - 16, Anchor::middle, fit_text(name, room), R"(class="v")");
}

std::string path_of(
    const ParallelLine& line, const std::vector<Axis>& axes, const std::vector<double>& xs) {
  std::string path;
  for (size_t i = 0; i < axes.size() && axes[i].drawable(line.values[i]); ++i)
    path +=
        fmt::format("{}{:.1f} {:.1f}", path.empty() ? "M" : "L", xs[i], axes[i].at(line.values[i]));
  return path;
}

}  // namespace

Svg parallel_chart(const ParallelChart& chart) {
  for (const ParallelLine& line : chart.lines)
    if (line.values.size() != chart.axes.size())
      throw std::invalid_argument(fmt::format(
          "[parallel_chart] expected a value for each of the {} axes, got {}",
          chart.axes.size(),
          line.values.size()));
  std::string out = open_svg(chart.width, chart.height, chart.title, chart.description);
  if (chart.axes.empty() || chart.lines.empty()) {
    out += svg_text(chart.width / 2.0, chart.height / 2.0, Anchor::middle, "no data");
    return {out + "</svg>"};
  }
  const double room = double(chart.width) / double(chart.axes.size());
  std::vector<Axis> axes;
  std::vector<double> xs;
  for (size_t i = 0; i < chart.axes.size(); ++i) {
    axes.push_back(axis_of(chart, i));
    xs.push_back((double(i) + 0.5) * room + std::min(room * 0.2, 20.0));
  }
  std::vector<size_t> order(chart.lines.size());
  std::iota(order.begin(), order.end(), size_t(0));
  std::ranges::stable_sort(order, {}, [&](size_t i) { return chart.lines[i].strength; });
  for (size_t i : order) {
    const ParallelLine& line = chart.lines[i];
    const double strength = std::clamp(line.strength, 0.0, 1.0);
    const bool strongest = i == order.back() && strength > 0;
    out += fmt::format(
        R"(<g class="s{}"><path class="l" stroke-opacity="{:.2f}"{} d="{}"><title>{}</title></path></g>)",
        strongest ? 1 : 0,
        strongest ? 1 : 0.08 + 0.8 * strength * strength,
        strongest ? R"( style="stroke-width:3")" : "",
        path_of(line, axes, xs),
        escape(line.title));
  }
  for (size_t i = 0; i < axes.size(); ++i) draw_axis(chart.axes[i], axes[i], xs[i], room, out);
  return {out + "</svg>"};
}

}  // namespace fovea::report
