#include "fovea/report/field.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <stdexcept>

#include <fmt/format.h>

#include "fovea/report/markup.h"
#include "fovea/report/svg_parts.h"

namespace fovea::report {

namespace {

constexpr double heading = 26;

using Rgb = std::array<double, 3>;

// Equally far apart for the eye, and lighter all the way, as matplotlib's viridis.
constexpr Rgb heat_colours[] = {
    {68, 1, 84},
    {71, 44, 122},
    {59, 81, 139},
    {44, 113, 142},
    {33, 144, 141},
    {39, 173, 129},
    {92, 200, 99},
    {170, 220, 50},
    {253, 231, 37}};

Rgb rgb_of(image::Color c) { return {double(c.r), double(c.g), double(c.b)}; }

void put(image::Image& picture, int y, int x, const Rgb& colour, double alpha) {
  for (int c = 0; c < 3; ++c) picture.at(y, x, c) = uint8_t(std::lround(colour[size_t(c)]));
  picture.at(y, x, 3) = uint8_t(std::lround(255 * std::clamp(alpha, 0.0, 1.0)));
}

Rgb heat_colour(double share) {
  const double at = std::clamp(share, 0.0, 1.0) * double(std::size(heat_colours) - 1);
  const auto i = std::min(size_t(at), std::size(heat_colours) - 2);
  Rgb out;
  for (size_t c = 0; c < 3; ++c)
    out[c] = heat_colours[i][c] + (at - double(i)) * (heat_colours[i + 1][c] - heat_colours[i][c]);
  return out;
}

void check(const Grid& grid, const char* op) {
  if (grid.rows < 1 || grid.columns < 1 ||
      grid.values.size() != size_t(grid.rows) * size_t(grid.columns))
    throw std::invalid_argument(fmt::format(
        "[{}] expected {} x {} values, got {}", op, grid.rows, grid.columns, grid.values.size()));
}

// A picture stretched over a rectangle.
std::string image_markup(
    const image::Image& picture, double x, double y, double width, double height, bool smooth) {
  return fmt::format(
      R"(<image x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" )"
      R"(preserveAspectRatio="none"{} href="{}"/>)",
      x,
      y,
      width,
      height,
      smooth ? "" : R"( style="image-rendering:pixelated")",
      png_address(picture));
}

// Where data lies on the chart.
struct Frame {
  const FieldChart& chart;
  double left, top, right, bottom;

  double px(double x) const {
    return left + (x - chart.x_low) / (chart.x_high - chart.x_low) * (right - left);
  }
  double py(double y) const {
    return bottom - (y - chart.y_low) / (chart.y_high - chart.y_low) * (bottom - top);
  }
};

std::vector<double> inner_ticks(double low, double high, int count) {
  std::vector<double> ticks = nice_ticks(low, high, count);
  const double slack = 1e-9 * (high - low);
  std::erase_if(ticks, [&](double t) { return t < low - slack || t > high + slack; });
  return ticks;
}

void draw_axes(const Frame& f, std::string& out) {
  const FieldChart& c = f.chart;
  const auto xs = inner_ticks(c.x_low, c.x_high, 5), ys = inner_ticks(c.y_low, c.y_high, 5);
  const auto x_names = tick_labels(xs, Unit::plain), y_names = tick_labels(ys, Unit::plain);
  for (size_t i = 0; i < xs.size(); ++i) {
    out += fmt::format(R"(<path class="a" d="M{:.1f} {:.1f}v4"/>)", f.px(xs[i]), f.bottom);
    out += svg_text(f.px(xs[i]), f.bottom + 18, Anchor::middle, x_names[i]);
  }
  for (size_t i = 0; i < ys.size(); ++i) {
    out += fmt::format(R"(<path class="a" d="M{:.1f} {:.1f}h-4"/>)", f.left, f.py(ys[i]));
    out += svg_text(f.left - 8, f.py(ys[i]) + 4.5, Anchor::end, y_names[i]);
  }
  out += svg_text((f.left + f.right) / 2, f.bottom + 37, Anchor::middle, c.x_label);
  const double middle = (f.top + f.bottom) / 2;
  out += rotated(-90, 12, middle, svg_text(12, middle + 2, Anchor::middle, c.y_label));
}

void draw_levels(const Frame& f, std::string& out) {
  const FieldChart& c = f.chart;
  for (double level : c.levels) {
    std::string path;
    const std::vector<Place> ends = contour(c.grid, level);
    for (size_t i = 0; i < ends.size(); ++i)
      fmt::format_to(
          std::back_inserter(path),
          "{}{:.1f} {:.1f}",
          i % 2 == 0 ? "M" : "L",
          f.left + (ends[i].x + 0.5) / c.grid.columns * (f.right - f.left),
          f.bottom - (ends[i].y + 0.5) / c.grid.rows * (f.bottom - f.top));
    if (path.empty()) continue;
    out += fmt::format(
        R"(<path fill="none" stroke="#fff" stroke-opacity=".75" d="{}"><title>{}</title></path>)",
        path,
        format_value(level, Unit::plain));
  }
}

void draw_marks(const Frame& f, std::string& out) {
  for (const Track& track : f.chart.tracks) {
    std::string path;
    for (size_t i = 0; i < track.x.size(); ++i)
      fmt::format_to(
          std::back_inserter(path),
          "{}{:.1f} {:.1f}",
          i == 0 ? "M" : "L",
          f.px(track.x[i]),
          f.py(track.y[i]));
    out += fmt::format(
        R"(<path fill="none" stroke="#e0342c" stroke-width="2" stroke-linejoin="round" d="{}"/>)",
        path);
  }
  for (const Mark& m : f.chart.marks) {
    if (!(std::isfinite(m.x) && std::isfinite(m.y))) continue;
    out += fmt::format(
        R"(<circle class="b s{}" cx="{:.1f}" cy="{:.1f}" r="3.2" stroke="#fff" stroke-width=".8")",
        m.series % 8,
        f.px(m.x),
        f.py(m.y));
    out += m.text.empty() ? "/>" : fmt::format("><title>{}</title></circle>", escape(m.text));
  }
}

std::string edge_label(const Strip& strip, double value) {
  if (strip.log) return fmt::format("1e{:.0f}", value + 0.0);  // no minus before 0
  return minus_sign(fmt::format("{:.2g}", value));
}

// A histogram's picture: one colour, denser where more values lie.
image::Image strip_picture(const Grid& shares, const Rgb& colour) {
  image::Image picture(shares.rows, shares.columns, 4);
  for (int c = 0; c < shares.columns; ++c) {
    double most = 0;
    for (int r = 0; r < shares.rows; ++r) most = std::max(most, shares.at(r, c));
    for (int r = 0; r < shares.rows; ++r) {
      const double share = most > 0 ? shares.at(r, c) / most : 0;
      put(picture, shares.rows - 1 - r, c, colour, share > 0 ? 0.08 + 0.92 * std::sqrt(share) : 0);
    }
  }
  return picture;
}

}  // namespace

image::Image heat_picture(const Grid& grid, double low, double high) {
  check(grid, "heat_picture");
  image::Image picture(grid.rows, grid.columns, 4);
  for (int r = 0; r < grid.rows; ++r)
    for (int c = 0; c < grid.columns; ++c) {
      const double v = grid.at(r, c);
      const double share = high > low ? (v - low) / (high - low) : 0;
      const bool seen = std::isfinite(v);
      put(picture, grid.rows - 1 - r, c, heat_colour(seen ? share : 0), seen ? 1 : 0);
    }
  return picture;
}

image::Color series_colour(int series) {
  constexpr image::Color colours[] = {
      {37, 99, 201},
      {212, 105, 11},
      {28, 133, 87},
      {180, 48, 124},
      {107, 70, 193},
      {13, 122, 138},
      {197, 48, 48},
      {119, 103, 79}};
  return colours[size_t(series) % std::size(colours)];
}

image::Image region_picture(const Grid& classes, const Grid& shares) {
  check(classes, "region_picture");
  check(shares, "region_picture");
  if (classes.rows != shares.rows || classes.columns != shares.columns)
    throw std::invalid_argument("[region_picture] expected grids of the same size");
  image::Image picture(classes.rows, classes.columns, 4);
  for (int r = 0; r < classes.rows; ++r)
    for (int c = 0; c < classes.columns; ++c) {
      const Rgb colour = rgb_of(series_colour(int(classes.at(r, c))));
      const double share = std::clamp(shares.at(r, c), 0.0, 1.0);
      put(picture, classes.rows - 1 - r, c, colour, 0.12 + 0.43 * share);
    }
  return picture;
}

std::vector<Place> contour(const Grid& grid, double level) {
  check(grid, "contour");
  std::vector<Place> ends;
  for (int r = 0; r + 1 < grid.rows; ++r)
    for (int c = 0; c + 1 < grid.columns; ++c) {
      // Corners round the square, and the places where its sides pass the level.
      const Place corner[] = {
          {double(c), double(r)},
          {double(c + 1), double(r)},
          {double(c + 1), double(r + 1)},
          {double(c), double(r + 1)}};
      const double value[] = {
          grid.at(r, c), grid.at(r, c + 1), grid.at(r + 1, c + 1), grid.at(r + 1, c)};
      if (!std::ranges::all_of(value, [](double v) { return std::isfinite(v); })) continue;
      std::vector<Place> crossing;
      for (int i = 0; i < 4; ++i) {
        const int j = (i + 1) % 4;
        if ((value[i] < level) == (value[j] < level)) continue;
        const double t = (level - value[i]) / (value[j] - value[i]);
        crossing.push_back(
            {corner[i].x + t * (corner[j].x - corner[i].x),
             corner[i].y + t * (corner[j].y - corner[i].y)});
      }
      // At a saddle, the mean tells which corners belong together.
      if (crossing.size() == 4) {
        const double mean = (value[0] + value[1] + value[2] + value[3]) / 4;
        if ((mean < level) != (value[0] < level))
          std::rotate(crossing.begin(), crossing.begin() + 1, crossing.end());
      }
      ends.insert(ends.end(), crossing.begin(), crossing.end());
    }
  return ends;
}

Svg field_chart(const FieldChart& chart) {
  image::check_image(chart.picture, "field_chart");
  const bool range = chart.x_low < chart.x_high && chart.y_low < chart.y_high &&
                     std::isfinite(chart.x_high - chart.x_low) &&
                     std::isfinite(chart.y_high - chart.y_low);
  if (!range)
    throw std::invalid_argument(fmt::format(
        "[field_chart] expected edges with low < high, got {} to {} and {} to {}",
        chart.x_low,
        chart.x_high,
        chart.y_low,
        chart.y_high));
  for (const Track& track : chart.tracks)
    if (track.x.size() != track.y.size())
      throw std::invalid_argument(fmt::format(
          "[field_chart] expected as many x as y in a track, got {} and {}",
          track.x.size(),
          track.y.size()));
  double widest = 0;
  const auto ys = inner_ticks(chart.y_low, chart.y_high, 5);
  for (const std::string& label : tick_labels(ys, Unit::plain))
    widest = std::max(widest, text_width(label));
  Frame f{chart, widest + 12 + (chart.y_label.empty() ? 0 : 18), heading, 0, 0};
  f.right = chart.width - 10;
  f.bottom = f.top + (f.right - f.left);  // square
  std::string out = open_svg(
      chart.width, f.bottom + (chart.x_label.empty() ? 26 : 44), chart.title, chart.description);
  out +=
      image_markup(chart.picture, f.left, f.top, f.right - f.left, f.bottom - f.top, chart.smooth);
  draw_axes(f, out);
  if (!chart.levels.empty()) draw_levels(f, out);
  draw_marks(f, out);
  return {out + "</svg>"};
}

Svg strip_chart(const StripChart& chart) {
  constexpr double label_line = 19, strip_height = 46, gap = 9;
  double widest = 0;
  for (const Strip& s : chart.strips) {
    check(s.shares, "strip_chart");
    if (size_t(s.shares.columns) != chart.columns.size())
      throw std::invalid_argument(fmt::format(
          "[strip_chart] expected {} columns in strip '{}', got {}",
          chart.columns.size(),
          s.label,
          s.shares.columns));
    widest = std::max(
        {widest, text_width(edge_label(s, s.low), 11), text_width(edge_label(s, s.high), 11)});
  }
  const double left = widest + 8, right = chart.width - 2;
  const double pitch = label_line + strip_height + gap;
  const double bottom = heading + pitch * double(std::max<size_t>(chart.strips.size(), 1)) - gap;
  std::string out = open_svg(chart.width, bottom + 42, chart.title, chart.description);
  if (chart.strips.empty()) out += svg_text(0, heading + 20, Anchor::start, "no data");
  const Rgb colour = rgb_of(series_colour(chart.series));
  constexpr std::string_view small = R"(font-size="11")";
  double y = heading;
  for (const Strip& s : chart.strips) {
    const double top = y + label_line, foot = top + strip_height;
    const double room = right - text_width(s.note) - 8;
    out += svg_text(0, y + 14, Anchor::start, fit_text(s.label, room), R"(class="v")");
    out += svg_text(right, y + 14, Anchor::end, s.note);
    out += fmt::format(
        R"(<rect x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{}" class="g"/>)",
        left,
        top,
        right - left,
        strip_height);
    out +=
        image_markup(strip_picture(s.shares, colour), left, top, right - left, strip_height, false);
    out += svg_text(left - 5, top + 9, Anchor::end, edge_label(s, s.high), small);
    out += svg_text(left - 5, foot, Anchor::end, edge_label(s, s.low), small);
    if (!s.log && s.low < 0 && s.high > 0) {
      const double zero = foot + s.low / (s.high - s.low) * strip_height;
      out += fmt::format(
          R"(<path class="a" stroke-dasharray="3 3" d="M{:.1f} {:.1f}H{:.1f}"/>)",
          left,
          zero,
          right);
    }
    y += pitch;
  }
  // The names of the first column, the last, and one between.
  const size_t n = chart.columns.size();
  std::vector<size_t> named;
  if (n > 0) named.push_back(0);
  if (n >= 5) named.push_back(n / 2);
  if (n > 1) named.push_back(n - 1);
  for (size_t i : named) {
    const Anchor anchor = i == 0 ? Anchor::start : i == n - 1 ? Anchor::end : Anchor::middle;
    const double x = left + (right - left) * (i == 0       ? 0
                                              : i == n - 1 ? 1
                                                           : (double(i) + 0.5) / double(n));
    out += svg_text(x, bottom + 17, anchor, fit_text(chart.columns[i], (right - left) / 3));
  }
  out += svg_text((left + right) / 2, bottom + 35, Anchor::middle, chart.x_label);
  return {out + "</svg>"};
}

}  // namespace fovea::report
