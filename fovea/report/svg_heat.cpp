#include <algorithm>
#include <cmath>
#include <stdexcept>

#include <fmt/format.h>

#include "fovea/core/utf8.h"
#include "fovea/report/markup.h"
#include "fovea/report/svg_parts.h"

namespace fovea::report {

namespace {

constexpr double heading = 30;
constexpr double slope = 0.7071;          // column names lean by 45 degrees
constexpr double smallest_named = 13;     // below, cells are too small for names beside them
constexpr double smallest_numbered = 20;  // and below, for numbers in them
constexpr double largest = 56;
constexpr size_t longest_name = 18;

void check(const HeatMap& map) {
  if (map.values.size() != map.rows.size() * map.columns.size())
    throw std::invalid_argument(fmt::format(
        "[heat_map] expected {} values for {} rows and {} columns, got {}",
        map.rows.size() * map.columns.size(),
        map.rows.size(),
        map.columns.size(),
        map.values.size()));
  for (double v : map.values)
    if (!std::isfinite(v) || v < 0)
      throw std::invalid_argument(
          fmt::format("[heat_map] expected finite values of 0 or more, got {}", v));
}

double widest(const std::vector<std::string>& names) {
  double width = 0;
  for (const std::string& name : names)
    width = std::max(width, text_width(utf8_shorten(name, longest_name)));
  return width;
}

struct Layout {
  double cell, left, top, width, height;
  bool named, numbered;
};

Layout lay_out(const HeatMap& map) {
  double rows = double(map.rows.size()), columns = double(map.columns.size());
  Layout l;
  // Beside another chart if the cells stay large enough to read, else wider.
  double side = std::max({rows, columns, 1.0});
  double names = widest(map.rows) + widest(map.columns) * slope + 40;
  l.cell = std::min(largest, (480 - names) / side);
  if (l.cell < smallest_numbered) l.cell = std::min(smallest_numbered, (640 - names) / side);
  if (l.cell < smallest_named) l.cell = std::clamp(460 / side, 4.0, smallest_named - 1);
  l.named = l.cell >= smallest_named;
  l.numbered = l.cell >= smallest_numbered;
  double column_names = l.named ? widest(map.columns) * slope + 12 : 8;
  l.left = 22 + (l.named ? widest(map.rows) + 8 : 0);
  l.top = heading + 20 + column_names;
  // The last column's name leans out to the right.
  l.width =
      l.left + columns * l.cell + (l.named ? std::max(0.0, column_names - l.cell / 2) : 0) + 2;
  l.height = l.top + rows * l.cell + 4;
  return l;
}

std::string draw_cell(const HeatMap& map, const Layout& l, size_t r, size_t c, double row_sum) {
  double value = map.values[r * map.columns.size() + c], share = row_sum > 0 ? value / row_sum : 0;
  bool hit = map.rows != map.columns || r == c;
  double x = l.left + double(c) * l.cell, y = l.top + double(r) * l.cell;
  // Mistakes are few by nature: the root keeps a share of 1 % visible.
  double strength = value > 0 ? 0.06 + 0.94 * (hit ? share : std::sqrt(share)) : 0;
  double gap = l.cell >= 10 ? 1 : 0;
  std::string out = fmt::format(
      R"(<g><title>{} {}, {} {}: {:g} of {:g} ({:.1f} %)</title>)"
      R"(<rect class="{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" rx="{}" )"
      R"(fill-opacity="{:.3f}"/>)",
      escape(map.row_title),
      escape(map.rows[r]),
      escape(map.column_title),
      escape(map.columns[c]),
      value,
      row_sum,
      share * 100,
      hit ? "hit" : "miss",
      x,
      y,
      l.cell - gap,
      l.cell - gap,
      l.numbered ? 2 : 0,
      strength);
  if (l.numbered && value > 0) {
    std::string text = fmt::format("{:g}", value);
    double size = std::min(text_size, l.cell * 0.9 / text_width(text, 1));
    out += svg_text(
        x + (l.cell - gap) / 2,
        y + (l.cell - gap) / 2 + size * 0.36,
        Anchor::middle,
        text,
        fmt::format(R"(class="{}" font-size="{:.1f}")", strength > 0.55 ? "w" : "v", size));
  }
  return out + "</g>";
}

}  // namespace

Svg heat_map(const HeatMap& map) {
  check(map);
  Layout l = lay_out(map);
  l.width = std::max(l.width, text_width(map.title, 14) * 1.1);
  std::string out = open_svg(l.width, l.height, map.title, map.description);
  double across = l.left + double(map.columns.size()) * l.cell / 2;
  double down = l.top + double(map.rows.size()) * l.cell / 2;
  out += svg_text(across, heading + 12, Anchor::middle, map.column_title);
  out += rotated(-90, 12, down, svg_text(12, down + 2, Anchor::middle, map.row_title));
  for (size_t c = 0; l.named && c < map.columns.size(); ++c) {
    double x = l.left + (double(c) + 0.5) * l.cell + 2, y = l.top - 8;
    std::string name = utf8_shorten(map.columns[c], longest_name);
    out += rotated(-45, x, y, svg_text(x, y, Anchor::start, name, R"(class="v")"));
  }
  for (size_t r = 0; r < map.rows.size(); ++r) {
    double row_sum = 0;
    for (size_t c = 0; c < map.columns.size(); ++c)
      row_sum += map.values[r * map.columns.size() + c];
    if (l.named)
      out += svg_text(
          l.left - 8,
          l.top + (double(r) + 0.5) * l.cell + 4,
          Anchor::end,
          utf8_shorten(map.rows[r], longest_name),
          R"(class="v")");
    for (size_t c = 0; c < map.columns.size(); ++c) out += draw_cell(map, l, r, c, row_sum);
  }
  return {out + "</svg>"};
}

}  // namespace fovea::report
