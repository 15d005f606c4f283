#include "fovea/report/svg_network.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "fovea/report/markup.h"
#include "fovea/report/network_layout.h"
#include "fovea/report/svg_parts.h"

namespace fovea::report {

namespace {

using Kind = NetworkLayer::Kind;

constexpr double margin = 16, smallest_width = 320;
constexpr double corner = 7;  // radius of the bends of connections

constexpr std::string_view style = R"(
.fv .k{fill:var(--c);fill-opacity:.15;stroke:var(--c);stroke-width:1.25}
.fv .i{--c:var(--axis)}.fv .t{fill:var(--ink);text-anchor:middle}
.fv .wire{fill:none;stroke:var(--soft);stroke-width:1.4}.fv .skip{stroke:var(--s3);stroke-width:1.75}
.fv .tip{fill:var(--soft)}.fv .skip-tip{fill:var(--s3)}
.fv .frame{fill:var(--axis);fill-opacity:.1;stroke:var(--axis);stroke-dasharray:5 4}
.fv .dim{font-size:12px}
)";

// How a kind of box is coloured, and what the legend calls it ("" for what says so itself).
struct Look {
  Kind kind;
  std::string_view group, name;
};
constexpr Look looks[] = {
    {Kind::conv, "s0", "convolution"},
    {Kind::pool, "s1", "pooling"},
    {Kind::linear, "s4", "fully connected"},
    {Kind::concat, "s5", "concatenation"},
    {Kind::input, "i", ""},
    {Kind::norm, "s2", ""},
    {Kind::activation, "s6", ""},
    {Kind::join, "s3", ""},
    {Kind::other, "s7", ""},
};

std::string_view class_of(Kind kind) { return std::ranges::find(looks, kind, &Look::kind)->group; }

// Activations other than the first of a picture get other colours, as far as there are some.
class StepColors {
 public:
  explicit StepColors(const std::vector<NetworkLayer>& layers) {
    for (const NetworkLayer& l : layers) {
      for (const NetworkStep& step : l.before) add(step);
      for (const NetworkStep& step : l.after) add(step);
    }
  }
  std::string_view of(const NetworkStep& step) const {
    auto it = std::ranges::find(known_, step.name, &Entry::first);
    return it == known_.end() ? "s7" : it->second;
  }
  const auto& entries() const { return known_; }

 private:
  using Entry = std::pair<std::string, std::string_view>;

  void add(const NetworkStep& step) {
    if (std::ranges::find(known_, step.name, &Entry::first) != known_.end()) return;
    constexpr std::string_view activations[] = {"s6", "s1", "s4", "s5"};
    std::string_view color = "s7";
    if (step.kind == NetworkStep::Kind::norm) color = "s2";
    if (step.kind == NetworkStep::Kind::activation) color = activations[activations_++ % 4];
    known_.push_back({step.name, color});
  }

  std::vector<Entry> known_;
  size_t activations_ = 0;
};

std::string rectangle(
    std::string_view group, std::string_view look, const NetworkBox& b, double radius) {
  return fmt::format(
      R"(<rect class="{} {}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" rx="{:g}"/>)",
      look,
      group,
      b.x,
      b.y,
      b.width,
      b.height,
      radius);
}

std::string strips(const std::vector<NetworkStep>& steps, NetworkBox at, const StepColors& colors) {
  std::string out;
  for (const NetworkStep& step : steps) {
    at.height = strip_height - 1;
    out += rectangle(colors.of(step), "b", at, 1);
    at.y += strip_height;
  }
  return out;
}

std::string circle(NetworkPoint center, double radius, std::string_view text) {
  return fmt::format(
             R"(<circle class="k s3" cx="{:.1f}" cy="{:.1f}" r="{:g}"/>)",
             center.x,
             center.y,
             radius) +
         svg_text(
             center.x,
             center.y + 0.4 * radius,
             Anchor::start,
             text,
             fmt::format(R"(class="t h" style="font-size:{:g}px")", 1.2 * radius));
}

std::string draw_box(const NetworkBox& b, const NetworkLayer& l, const StepColors& colors) {
  const std::string_view group = class_of(l.kind);
  std::string out = l.note.empty() ? "<g>" : "<g><title>" + escape(l.note) + "</title>";
  NetworkBox inner = b;
  inner.y += strip_height * double(l.before.size());
  inner.height -= strip_height * double(l.before.size() + l.after.size());
  NetworkBox below = b;
  below.y = b.bottom() - strip_height * double(l.after.size()) + 1;
  const double middle = b.x + b.width / 2;
  if (l.kind == Kind::join)
    return out + circle({b.axis, b.y + circle_size / 2}, circle_size / 2, l.text) +
           strips(l.after, below, colors) + "</g>";
  NetworkBox above = b;
  out += strips(l.before, above, colors) + strips(l.after, below, colors);
  out += rectangle(group, "k", inner, l.kind == Kind::concat ? 3 : 5);
  const double center = inner.y + inner.height / 2;
  if (b.narrow && !l.detail.empty() && l.kind != Kind::concat) {
    out += svg_text(middle, center - 3.5, Anchor::start, l.text, R"(class="t")");
    out += svg_text(middle, center + 12.5, Anchor::start, l.detail, R"(class="t")");
  } else {
    out += svg_text(middle, center + 4.5, Anchor::start, one_line(l), R"(class="t")");
  }
  return out + "</g>";
}

// Lines along the points, with round bends and an arrow at the end.
std::string draw_wire(const NetworkWire& w) {
  const std::vector<NetworkPoint>& p = w.points;
  std::string path = fmt::format("M{:.1f} {:.1f}", p[0].x, p[0].y);
  auto toward = [](NetworkPoint from, NetworkPoint to, double by) {
    const double length = std::hypot(to.x - from.x, to.y - from.y);
    const double part = length > 0 ? std::min(by / length, 0.5) : 0;
    return NetworkPoint{from.x + (to.x - from.x) * part, from.y + (to.y - from.y) * part};
  };
  for (size_t i = 1; i + 1 < p.size(); ++i) {
    const NetworkPoint in = toward(p[i], p[i - 1], corner), out = toward(p[i], p[i + 1], corner);
    path += fmt::format(
        "L{:.1f} {:.1f}Q{:.1f} {:.1f} {:.1f} {:.1f}", in.x, in.y, p[i].x, p[i].y, out.x, out.y);
  }
  const NetworkPoint end = p.back(), before = p[p.size() - 2];
  path += fmt::format("L{:.1f} {:.1f}", end.x, end.y);
  const double dx = end.x == before.x ? 0 : end.x > before.x ? 1 : -1;
  const double dy = dx != 0 ? 0 : 1;
  return fmt::format(
      R"(<path class="wire{}" d="{}"/><path class="{}tip" d="M{:.1f} {:.1f}L{:.1f} {:.1f}L{:.1f} {:.1f}z"/>)",
      w.skip ? " skip" : "",
      path,
      w.skip ? "skip-" : "",
      end.x,
      end.y,
      end.x - 7 * dx - 3.5 * dy,
      end.y - 7 * dy - 3.5 * dx,
      end.x - 7 * dx + 3.5 * dy,
      end.y - 7 * dy + 3.5 * dx);
}

std::string draw_frame(const NetworkFrame& f) {
  return fmt::format(
             R"(<rect class="frame" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" rx="8"/>)",
             f.x,
             f.y,
             f.width,
             f.height) +
         svg_text(f.x + 9, f.y + 19, Anchor::start, fmt::format("× {}", f.times), R"(class="h")");
}

// What the colours mean, line by line.
class Legend {
 public:
  explicit Legend(double width) : width_(width) {}

  // `mark` draws the sign of an entry from its top left corner.
  template <class F>
  void add(std::string_view name, F&& mark) {
    const double room = 20 + text_width(name, 12) + 12;
    if (x_ > 0 && x_ + room > width_) x_ = 0, y_ += 20;
    markup_ += mark(NetworkPoint{x_, y_});
    markup_ += svg_text(x_ + 20, y_ + 11.5, Anchor::start, name, R"(class="dim")");
    x_ += room;
  }
  double height() const { return y_ + 20; }
  const std::string& markup() const { return markup_; }

 private:
  double width_, x_ = 0, y_ = 0;
  std::string markup_;
};

Legend legend_of(const NetworkChart& chart, const StepColors& colors, double width) {
  Legend legend(width);
  for (const Look& look : looks) {
    const bool there = std::ranges::any_of(
        chart.layers, [&](const NetworkLayer& l) { return l.kind == look.kind; });
    if (!there || look.name.empty()) continue;
    legend.add(look.name, [&](NetworkPoint at) {
      return rectangle(look.group, "k", {.x = at.x, .y = at.y + 1, .width = 14, .height = 12}, 3);
    });
  }
  std::vector<std::string> joins;
  for (const NetworkLayer& l : chart.layers) {
    if (l.kind != Kind::join || std::ranges::find(joins, l.detail) != joins.end()) continue;
    joins.push_back(l.detail);
    legend.add(l.detail, [&](NetworkPoint at) { return circle({at.x + 7, at.y + 7}, 7, l.text); });
  }
  for (const auto& entry : colors.entries())
    legend.add(entry.first, [&](NetworkPoint at) {
      return rectangle(entry.second, "b", {.x = at.x, .y = at.y + 5, .width = 14, .height = 4}, 1);
    });
  return legend;
}

// The text in lines of that width, cut between words.
std::vector<std::string> wrapped(std::string_view text, double width) {
  std::vector<std::string> lines(1);
  while (!text.empty()) {
    const std::string_view word = text.substr(0, text.find(' '));
    text.remove_prefix(std::min(word.size() + 1, text.size()));
    std::string longer = lines.back() + (lines.back().empty() ? "" : " ") + std::string(word);
    if (lines.back().empty() || text_width(longer) <= width)
      lines.back() = std::move(longer);
    else
      lines.emplace_back(word);
  }
  return lines;
}

}  // namespace

Svg network_chart(const NetworkChart& chart) {
  const NetworkLayout layout = network_layout(chart.layers, chart.most_rows);
  const double width = std::max(layout.width, smallest_width);
  const StepColors colors(chart.layers);
  double y = 15;
  std::string head;
  for (const std::string& paragraph : chart.caption)
    for (const std::string& line : wrapped(paragraph, width))
      head += svg_text(0, y += 20, Anchor::start, fit_text(line, width));
  const Legend legend = legend_of(chart, colors, width);
  const double legend_top = y + 16, top = legend_top + legend.height() + 12;
  const double left = (width - layout.width) / 2;

  std::string out =
      open_svg(width, std::ceil(top + layout.height), chart.title, chart.description, margin);
  out += style_element(style, true) + head;
  out += fmt::format(R"_(<g transform="translate(0 {:.1f})">{}</g>)_", legend_top, legend.markup());
  out += fmt::format(R"_(<g transform="translate({:.1f} {:.1f})">)_", left, top);
  for (const NetworkFrame& frame : layout.frames) out += draw_frame(frame);
  for (bool skip : {true, false})
    for (const NetworkWire& wire : layout.wires)
      if (wire.skip == skip) out += draw_wire(wire);
  for (const NetworkBox& box : layout.boxes) out += draw_box(box, chart.layers[box.layer], colors);
  for (const NetworkShape& shape : layout.shapes)
    out += svg_text(
        shape.at.x, shape.at.y, Anchor::start, chart.layers[shape.layer].shape, R"(class="dim")");
  return {out + "</g></svg>"};
}

}  // namespace fovea::report
