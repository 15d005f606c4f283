#include <algorithm>
#include <cmath>
#include <iterator>
#include <stdexcept>

#include <fmt/format.h>

#include "fovea/report/markup.h"
#include "fovea/report/svg_parts.h"

namespace fovea::report {

namespace {

constexpr size_t max_markers = 120;  // a series with more points has no hover labels
constexpr size_t max_log_ticks = 9;
constexpr int colours = 8;

struct Range {
  double low = INFINITY, high = -INFINITY;
  void add(double v) {
    low = std::min(low, v);
    high = std::max(high, v);
  }
  bool empty() const { return low > high; }
};

struct Point {
  double x, y;
};

// Data coordinates to pixels.
class Axes {
 public:
  explicit Axes(const LineChart& chart) : log_x_(chart.log_x), log_y_(chart.log_y) {
    bool whole = true;
    for (const Series& series : chart.series)
      for (size_t i = 0; i < series.x.size(); ++i) {
        if (!drawable(series.x[i], series.y[i])) continue;
        x_.add(series.x[i]);
        y_.add(series.y[i]);
        whole &= series.x[i] == std::round(series.x[i]);
      }
    empty_ = x_.empty();
    if (empty_) x_ = {0, 1}, y_ = {1, 2};
    if (empty_ && log_x_) x_ = {1, 10};
    if (x_.low == x_.high)
      x_ = log_x_ ? Range{x_.low / 2, x_.high * 2} : Range{x_.low - 0.5, x_.high + 0.5};
    x_ticks_ = log_x_ ? log_ticks(x_.low, x_.high)
                      : nice_ticks(x_.low, x_.high, chart.width / 80, whole ? 1 : 0);
    std::erase_if(x_ticks_, [&](double tick) { return tick < x_.low || tick > x_.high; });
    if (log_x_) keep_decades(x_ticks_);
    y_ticks_ = log_y_ ? log_ticks(y_.low, y_.high) : nice_ticks(y_.low, y_.high, chart.height / 60);
    y_ = {y_ticks_.front(), y_ticks_.back()};
    if (log_y_) keep_decades(y_ticks_);
  }

  bool drawable(double x, double y) const {
    return std::isfinite(x) && std::isfinite(y) && (!log_x_ || x > 0) && (!log_y_ || y > 0);
  }
  void place(double left_, double top_, double right_, double bottom_) {
    left = left_, top = top_, right = right_, bottom = bottom_;
  }
  double px(double x) const { return left + share(x, x_, log_x_) * (right - left); }
  double py(double y) const { return bottom - share(y, y_, log_y_) * (bottom - top); }
  bool empty() const { return empty_; }
  std::vector<std::string> x_labels() const { return labels_of(x_ticks_, log_x_, Unit::plain); }
  std::vector<std::string> y_labels(Unit unit) const { return labels_of(y_ticks_, log_y_, unit); }
  const std::vector<double>& x_ticks() const { return x_ticks_; }
  const std::vector<double>& y_ticks() const { return y_ticks_; }

  double left = 0, top = 0, right = 1, bottom = 1;

 private:
  // How far along a range a value lies, of 1.
  static double share(double v, const Range& r, bool log) {
    return log ? std::log(v / r.low) / std::log(r.high / r.low) : (v - r.low) / (r.high - r.low);
  }

  static std::vector<std::string> labels_of(const std::vector<double>& ticks, bool log, Unit unit) {
    if (!log) return tick_labels(ticks, unit);
    std::vector<std::string> labels;
    for (double tick : ticks)
      labels.push_back(
          unit == Unit::percent ? fmt::format("{:g} %", tick * 100) : fmt::format("{:g}", tick));
    return labels;
  }

  // Of many ticks only powers of ten stay, of many decades every second, third, ...
  static void keep_decades(std::vector<double>& ticks) {
    if (ticks.size() <= max_log_ticks) return;
    std::vector<double> decades;
    for (double tick : ticks)
      if (double power = std::log10(tick); std::abs(power - std::round(power)) < 1e-6)
        decades.push_back(tick);
    ticks.clear();
    size_t stride = decades.size() / (max_log_ticks + 1) + 1;
    for (size_t i = 0; i < decades.size(); i += stride) ticks.push_back(decades[i]);
  }

  bool log_x_, log_y_, empty_;
  Range x_, y_;
  std::vector<double> x_ticks_, y_ticks_;
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
    run.push_back({axes.px(x), axes.py(y)});
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
      index % colours,
      index >= colours ? R"( stroke-dasharray="6 4")" : "",
      path,
      markers);
}

// Swatches and names in as many lines as they need; returns the height used.
double draw_legend(const LineChart& chart, double top, std::string& out) {
  if (chart.series.size() < 2) return 0;
  constexpr double swatch = 18, line = 20, space = 16;
  double x = 0, y = top;
  for (size_t i = 0; i < chart.series.size(); ++i) {
    const std::string& name = chart.series[i].name;
    double width = swatch + 6 + text_width(name);
    if (x > 0 && x + width > chart.width) x = 0, y += line;
    out += fmt::format(
        R"(<path class="l s{}"{} d="M{:.1f} {:.1f}h{}"/>)",
        i % colours,
        i >= colours ? R"( stroke-dasharray="6 4")" : "",
        x + 1,
        y + 9,
        swatch - 2);
    out += svg_text(x + swatch + 6, y + 13.5, Anchor::start, name, R"(class="v")");
    x += width + space;
  }
  return y - top + line;
}

void draw_axes(const LineChart& chart, const Axes& axes, std::string& out) {
  auto y_labels = axes.y_labels(chart.unit), x_labels = axes.x_labels();
  for (size_t i = 0; i < y_labels.size(); ++i) {
    double y = axes.py(axes.y_ticks()[i]);
    out += fmt::format(R"(<path class="g" d="M{:.1f} {:.1f}H{:.1f}"/>)", axes.left, y, axes.right);
    out += svg_text(axes.left - 8, y + 4.5, Anchor::end, y_labels[i]);
  }
  out += fmt::format(
      R"(<path class="a" d="M{:.1f} {:.1f}H{:.1f}"/>)", axes.left, axes.bottom, axes.right);
  for (size_t i = 0; i < x_labels.size(); ++i) {
    double x = axes.px(axes.x_ticks()[i]);
    out += fmt::format(R"(<path class="a" d="M{:.1f} {:.1f}v4"/>)", x, axes.bottom);
    out += svg_text(x, axes.bottom + 18, Anchor::middle, x_labels[i]);
  }
  out += svg_text((axes.left + axes.right) / 2, axes.bottom + 37, Anchor::middle, chart.x_label);
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
  double top = 26 + draw_legend(chart, 26, out) + 10;
  Axes axes(chart);
  double widest = 0;
  for (const std::string& label : axes.y_labels(chart.unit))
    widest = std::max(widest, text_width(label));
  axes.place(widest + 10, top, chart.width - 14, chart.height - (chart.x_label.empty() ? 26 : 44));
  if (axes.empty())
    out += svg_text(chart.width / 2.0, chart.height / 2.0, Anchor::middle, "no data");
  else
    draw_axes(chart, axes, out);
  for (size_t i = 0; i < chart.series.size(); ++i)
    out += draw_series(chart.series[i], i, axes, chart);
  return {out + "</svg>"};
}

}  // namespace fovea::report
