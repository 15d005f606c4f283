#include "fovea/report/svg_dots.h"

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

// Data coordinates to pixels, over all dots and bars.
struct Plane {
  Axis x, y;
  bool empty = true;

  explicit Plane(const DotChart& chart) {
    Range xs, ys;
    auto add = [&](double at, double value) {
      if (!std::isfinite(at) || !std::isfinite(value) || (chart.log_x && at <= 0) ||
          (chart.log_y && value <= 0))
        return;
      xs.add(at);
      ys.add(value);
      empty = false;
    };
    for (const DotSeries& series : chart.series)
      for (const Dot& dot : series.dots) add(dot.x, dot.y);
    for (const Spread& s : chart.spreads)
      for (double side : {-1.0, 1.0}) add(s.x, s.mean + side * s.deviation);
    for (double at : chart.without)
      if (std::isfinite(at) && (!chart.log_x || at > 0)) xs.add(at);
    if (!chart.x_names.empty()) xs = {-0.5, double(chart.x_names.size()) - 0.5};
    x = Axis(xs, {.log = chart.log_x, .ticks = chart.width / 80, .out_to_ticks = false});
    y = Axis(ys, {.log = chart.log_y, .ticks = chart.height / 60, .unit = chart.unit});
  }
};

void draw_names(const DotChart& chart, const Plane& plane, std::string& out) {
  const double room = (plane.x.to - plane.x.from) / double(chart.x_names.size());
  out += fmt::format(
      R"(<path class="a" d="M{:.1f} {:.1f}H{:.1f}"/>)", plane.x.from, plane.y.from, plane.x.to);
  for (size_t i = 0; i < chart.x_names.size(); ++i)
    out += svg_text(
        plane.x.at(double(i)), plane.y.from + 18, Anchor::middle, fit_text(chart.x_names[i], room));
  out +=
      svg_text((plane.x.from + plane.x.to) / 2, plane.y.from + 37, Anchor::middle, chart.x_label);
}

void draw_dots(const DotChart& chart, const Plane& plane, std::string& out) {
  for (size_t i = 0; i < chart.series.size(); ++i) {
    out += fmt::format(R"(<g class="s{}">)", i % series_colours);
    for (const Dot& dot : chart.series[i].dots) {
      if (!plane.x.drawable(dot.x) || !plane.y.drawable(dot.y)) continue;
      fmt::format_to(
          std::back_inserter(out),
          R"(<circle class="b" fill-opacity=".65" cx="{:.1f}" cy="{:.1f}" r="4"><title>{}</title></circle>)",
          plane.x.at(dot.x),
          plane.y.at(dot.y),
          escape(dot.title));
    }
    out += "</g>";
  }
}

void draw_spreads(const DotChart& chart, const Plane& plane, std::string& out) {
  std::string path;
  for (const Spread& s : chart.spreads) {
    if (!plane.x.drawable(s.x) || !plane.y.drawable(s.mean)) continue;
    const double x = plane.x.at(s.x);
    fmt::format_to(
        std::back_inserter(path),
        "{}{:.1f} {:.1f}",
        path.empty() ? "M" : "L",
        x,
        plane.y.at(s.mean));
  }
  if (path.empty()) return;
  out += fmt::format(
      R"(<g class="s{}"><path class="l" d="{}"/>)", chart.series.size() % series_colours, path);
  for (const Spread& s : chart.spreads) {
    const double low = s.mean - s.deviation, high = s.mean + s.deviation;
    if (!plane.x.drawable(s.x) || !plane.y.drawable(low) || !plane.y.drawable(high)) continue;
    const double x = plane.x.at(s.x);
    out += fmt::format(
        R"(<g><title>mean {}, standard deviation {}</title>)"
        R"(<path class="l" d="M{:.1f} {:.1f}V{:.1f}m-5 0h10M{:.1f} {:.1f}h10"/></g>)",
        format_value(s.mean, chart.unit),
        format_value(s.deviation, chart.unit),
        x,
        plane.y.at(low),
        plane.y.at(high),
        x - 5,
        plane.y.at(low));
  }
  out += "</g>";
}

void draw_crosses(const DotChart& chart, const Plane& plane, std::string& out) {
  out += R"(<g class="s6">)";
  for (double at : chart.without)
    if (plane.x.drawable(at))
      out += fmt::format(
          R"(<path class="l" d="M{:.1f} {:.1f}l6 6m0 -6l-6 6"/>)",
          plane.x.at(at) - 3,
          plane.y.from - 9);
  out += "</g>";
}

}  // namespace

Svg dot_chart(const DotChart& chart) {
  if (chart.width < 200 || chart.height < 150)
    throw std::invalid_argument(fmt::format(
        "[dot_chart] expected a chart of at least 200 by 150, got {} by {}",
        chart.width,
        chart.height));
  std::string out = open_svg(chart.width, chart.height, chart.title, chart.description);
  std::vector<std::string> names;
  for (const DotSeries& series : chart.series) names.push_back(series.name);
  if (!chart.spreads.empty()) names.push_back(chart.spread_name);
  const double top = 36 + draw_legend(names, LegendMark::dot, chart.width, 26, out);
  Plane plane(chart);
  if (plane.empty) {
    out += svg_text(chart.width / 2.0, chart.height / 2.0, Anchor::middle, "no data");
    return {out + "</svg>"};
  }
  double widest = 0;
  for (const std::string& label : plane.y.labels()) widest = std::max(widest, text_width(label));
  // Room beside the first and the last dot.
  plane.x.from = widest + 22, plane.x.to = chart.width - 20;
  plane.y.from = chart.height - (chart.x_label.empty() ? 26 : 44), plane.y.to = top;
  draw_y_axis(plane.y, widest + 10, chart.width - 8, out);
  if (chart.x_names.empty())
    draw_x_axis(plane.x, plane.y.from, chart.x_label, out);
  else
    draw_names(chart, plane, out);
  draw_dots(chart, plane, out);
  draw_spreads(chart, plane, out);
  draw_crosses(chart, plane, out);
  return {out + "</svg>"};
}

}  // namespace fovea::report
