#include <algorithm>
#include <cmath>
#include <iterator>
#include <stdexcept>

#include <fmt/format.h>

#include "fovea/report/markup.h"
#include "fovea/report/svg_axis.h"
#include "fovea/report/svg_parts.h"

namespace fovea::report {

namespace {

constexpr size_t max_markers = 120;  // a series with more points has no hover labels

struct Point {
  double x, y;
};

// Data coordinates to pixels.
struct Axes {
  Axis x, y;
  bool empty = true;

  explicit Axes(const LineChart& chart) {
    Range xs, ys;
    bool whole = true;
    for (const Series& series : chart.series)
      for (size_t i = 0; i < series.x.size(); ++i) {
        const double at = series.x[i], value = series.y[i];
        if (!std::isfinite(at) || !std::isfinite(value) || (chart.log_x && at <= 0) ||
            (chart.log_y && value <= 0))
          continue;
        xs.add(at);
        ys.add(value);
        whole &= at == std::round(at);
      }
    empty = xs.empty();
    x = Axis(
        xs,
        {.log = chart.log_x,
         .ticks = chart.width / 80,
         .min_step = whole ? 1.0 : 0.0,
         .out_to_ticks = false});
    y = Axis(ys, {.log = chart.log_y, .ticks = chart.height / 60, .unit = chart.unit});
  }

  bool drawable(double x_value, double y_value) const {
    return x.drawable(x_value) && y.drawable(y_value);
  }
};

// At most four points for each pixel column (first, lowest, highest, last): the line looks the
// same, however many points it has.
std::vector<Point> thin(const std::vector<Point>& points) {
  std::vector<Point> out;
  for (size_t from = 0, to; from < points.size(); from = to) {
    double column = std::floor(points[from].x);
    for (to = from; to < points.size() && std::floor(points[to].x) == column;) ++to;
    auto [low, high] = std::minmax_element(
        points.begin() + ptrdiff_t(from), points.begin() + ptrdiff_t(to), [](Point a, Point b) {
          return a.y < b.y;
        });
    size_t kept[] = {from, size_t(low - points.begin()), size_t(high - points.begin()), to - 1};
    std::sort(std::begin(kept), std::end(kept));
    for (size_t* at = kept; at != std::unique(std::begin(kept), std::end(kept)); ++at)
      out.push_back(points[*at]);
  }
  return out;
}

std::string path_of(const std::vector<Point>& points) {
  std::string path;
  for (Point p : points)
    fmt::format_to(std::back_inserter(path), "{}{:.1f} {:.1f}", path.empty() ? "M" : "L", p.x, p.y);
  return path;
}

std::string draw_series(
    const Series& series, size_t index, const Axes& axes, const LineChart& chart) {
  std::string path, markers;
  std::vector<Point> run;
  auto end_run = [&] {
    if (run.size() == 1)  // a line of one point would not be seen
      markers +=
          fmt::format(R"(<circle class="b" cx="{:.1f}" cy="{:.1f}" r="3"/>)", run[0].x, run[0].y);
    else
      path += path_of(thin(run));
    run.clear();
  };
  for (size_t i = 0; i < series.x.size(); ++i) {
    double x = series.x[i], y = series.y[i];
    if (!axes.drawable(x, y)) {
      end_run();
      continue;
    }
    run.push_back({axes.x.at(x), axes.y.at(y)});
    if (series.x.size() <= max_markers)
      fmt::format_to(
          std::back_inserter(markers),
          R"(<circle class="p" cx="{:.1f}" cy="{:.1f}" r="5"><title>{}, {} {:g}: {}</title></circle>)",
          run.back().x,
          run.back().y,
          escape(series.name),
          escape(chart.x_label),
          x,
          format_value(y, chart.unit));
  }
  end_run();
  return fmt::format(
      R"(<g class="s{}"><path class="l"{} d="{}"/>{}</g>)",
      index % series_colours,
      index >= series_colours ? R"( stroke-dasharray="6 4")" : "",
      path,
      markers);
}

void draw_axes(const LineChart& chart, const Axes& axes, std::string& out) {
  draw_y_axis(axes.y, axes.x.from, axes.x.to, out);
  draw_x_axis(axes.x, axes.y.from, chart.x_label, out);
}

}  // namespace

Svg line_chart(const LineChart& chart) {
  for (const Series& series : chart.series)
    if (series.x.size() != series.y.size())
      throw std::invalid_argument(fmt::format(
          "[line_chart] expected as many x as y in series '{}', got {} and {}",
          series.name,
          series.x.size(),
          series.y.size()));
  if (chart.width < 200 || chart.height < 150)
    throw std::invalid_argument(fmt::format(
        "[line_chart] expected a chart of at least 200 by 150, got {} by {}",
        chart.width,
        chart.height));

  std::string out = open_svg(chart.width, chart.height, chart.title, chart.description);
  std::vector<std::string> names;
  for (const Series& series : chart.series) names.push_back(series.name);
  double top = 36 + draw_legend(names, LegendMark::line, chart.width, 26, out);
  Axes axes(chart);
  double widest = 0;
  for (const std::string& label : axes.y.labels()) widest = std::max(widest, text_width(label));
  axes.x.from = widest + 10, axes.x.to = chart.width - 14;
  axes.y.from = chart.height - (chart.x_label.empty() ? 26 : 44), axes.y.to = top;
  if (axes.empty)
    out += svg_text(chart.width / 2.0, chart.height / 2.0, Anchor::middle, "no data");
  else
    draw_axes(chart, axes, out);
  for (size_t i = 0; i < chart.series.size(); ++i)
    out += draw_series(chart.series[i], i, axes, chart);
  return {out + "</svg>"};
}

}  // namespace fovea::report
