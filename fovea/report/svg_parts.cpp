#include "fovea/report/svg_parts.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>

#include <fmt/format.h>

#include "fovea/core/base64.h"
#include "fovea/core/utf8.h"
#include "fovea/image/encode.h"
#include "fovea/report/markup.h"

namespace fovea::report {

namespace {

constexpr double wide = 520;  // charts beyond take a whole row of a page

// --s0 to --s7 tell series apart, also for most colour-blind readers; they differ in lightness too.
constexpr std::string_view light =
    "--ink:#22252b;--soft:#666c78;--grid:#e6e7ea;--axis:#b9bdc6;--page:#fff;"
    "--s0:#2563c9;--s1:#d4690b;--s2:#1c8557;--s3:#b4307c;--s4:#6b46c1;--s5:#0d7a8a;--s6:#c53030;"
    "--s7:#77674f;--hit:#2563c9;--miss:#d0480c";
constexpr std::string_view dark =
    "--ink:#e6e8ec;--soft:#9aa1ae;--grid:#2b2f37;--axis:#4d535f;--page:#16181d;"
    "--s0:#76acff;--s1:#f3a35c;--s2:#5ccb97;--s3:#ee88c1;--s4:#b49bfb;--s5:#52c4d3;--s6:#ff8a8a;"
    "--s7:#cbbb9f;--hit:#5b9bff;--miss:#ff8a4c";
constexpr std::string_view on_paper = "--soft:#555;--grid:#ddd;--axis:#999";

constexpr std::string_view frame = R"(
.fv{max-width:100%;height:auto;display:block;
font:13px system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue","DejaVu Sans",sans-serif;
font-variant-numeric:tabular-nums}
)";
constexpr std::string_view rules = R"(
.fv text{fill:var(--soft)}.fv .h{fill:var(--ink);font-weight:600;font-size:14px}.fv .v{fill:var(--ink)}
.fv .g{stroke:var(--grid);fill:none}.fv .a{stroke:var(--axis);fill:none}
.fv .s0{--c:var(--s0)}.fv .s1{--c:var(--s1)}.fv .s2{--c:var(--s2)}.fv .s3{--c:var(--s3)}
.fv .s4{--c:var(--s4)}.fv .s5{--c:var(--s5)}.fv .s6{--c:var(--s6)}.fv .s7{--c:var(--s7)}
.fv .w{fill:var(--page)}.fv .b{fill:var(--c)}.fv .hit{fill:var(--hit)}.fv .miss{fill:var(--miss)}
.fv .l{stroke:var(--c);fill:none;stroke-width:1.75;stroke-linejoin:round;stroke-linecap:round}
.fv .p{fill:var(--c);opacity:0;stroke:var(--page);stroke-width:2}.fv .p:hover{opacity:1}
)";

// The text with its variables' light colours; `group` is the name of that of var(--c).
std::string in_light(std::string_view text, std::string_view group) {
  constexpr std::string_view begin = "var(--";
  std::string out;
  for (size_t at; (at = text.find(begin)) != text.npos;) {
    out += text.substr(0, at);
    text.remove_prefix(at + begin.size());
    const size_t end = text.find(')');
    const std::string_view name = text.substr(0, end) == "c" ? group : text.substr(0, end);
    const std::string key = fmt::format("--{}:", name);
    const size_t value = light.find(key) + key.size();
    out += light.substr(value, light.find(';', value) - value);
    text.remove_prefix(end + 1);
  }
  return out.append(text);
}

// Rules without variables that say the same in light colours, of no more weight than these, so that
// of both the later ones hold.
std::string plain_rules(std::string_view text) {
  // Classes that set --c, and to what.
  constexpr std::pair<std::string_view, std::string_view> groups[] = {
      {"s0", "s0"},
      {"s1", "s1"},
      {"s2", "s2"},
      {"s3", "s3"},
      {"s4", "s4"},
      {"s5", "s5"},
      {"s6", "s6"},
      {"s7", "s7"},
      {"i", "axis"}};
  std::string out;
  for (size_t end; (end = text.find('}')) != text.npos; text.remove_prefix(end + 1)) {
    const size_t open = text.find('{');
    const std::string_view selector = text.substr(0, open);
    std::string_view body = text.substr(open + 1, end - open - 1);
    if (body.starts_with("--c:")) continue;
    std::string fixed, varying;
    while (!body.empty()) {
      const std::string_view one = body.substr(0, body.find(';'));
      std::string& to = one.find("var(--c)") == one.npos ? fixed : varying;
      to.append(to.empty() ? "" : ";").append(one);
      body.remove_prefix(std::min(one.size() + 1, body.size()));
    }
    if (!fixed.empty()) out += fmt::format("{}{{{}}}", selector, in_light(fixed, ""));
    if (varying.empty()) continue;
    const std::string_view part = selector.substr(selector.rfind('.'));
    for (const auto& [group, colour] : groups)
      out += fmt::format("{0}.{1},.{1} {0}{{{2}}}", part, group, in_light(varying, colour));
  }
  return out;
}

}  // namespace

std::string style_element(std::string_view rules, bool plain) {
  if (!plain) return fmt::format("<style>{}</style>", rules);
  return fmt::format(
      "<style>{}\n@supports(fill:var(--c)){{{}}}\n</style>", plain_rules(rules), rules);
}

double text_width(std::string_view text, double size) {
  double width = 0;
  for (char c : text) {
    if ((uint8_t(c) & 0xc0) == 0x80) continue;  // inside a character
    if (std::string_view("%mwMW@").find(c) != std::string_view::npos)
      width += 0.92;
    else if (std::string_view(" .,:;'!|ijlftr()[]I").find(c) != std::string_view::npos)
      width += 0.36;
    else
      width += 0.62;
  }
  return width * size;
}

std::string fit_text(std::string_view text, double width, double size) {
  std::string fitting(text);
  for (size_t length = utf8_length(text); length > 0 && text_width(fitting, size) > width;)
    fitting = utf8_shorten(text, --length);
  return fitting;
}

std::string open_svg(
    double width,
    double height,
    const std::string& title,
    const std::string& description,
    double margin) {
  std::string name = escape(title);
  const double all_width = width + 2 * margin, all_height = height + 2 * margin;
  std::string out = fmt::format(
      R"(<svg class="fv{4}" xmlns="http://www.w3.org/2000/svg" viewBox="{0} {0} {1} {2}" )"
      R"(width="{1}" height="{2}" role="img" aria-label="{3}"><title>{3}</title>)",
      0 - margin,
      all_width,
      all_height,
      name,
      width > wide ? " wide" : "");
  if (!description.empty()) out += "<desc>" + escape(description) + "</desc>";
  const std::string colours = fmt::format(
      ".fv{{{}}}\n@media screen and (prefers-color-scheme:dark){{.fv{{{}}}}}\n@media "
      "print{{.fv{{{}}}}}",
      light,
      dark,
      on_paper);
  out += fmt::format("<style>{}{}</style>", frame, colours) + style_element(rules, margin > 0);
  if (margin > 0)
    out += fmt::format(
        R"(<rect class="w" x="{0}" y="{0}" width="{1}" height="{2}"/>)",
        -margin,
        all_width,
        all_height);
  return out + svg_text(0, 15, Anchor::start, fit_text(title, width, 14 * 1.08), R"(class="h")");
}

std::string svg_text(
    double x, double y, Anchor anchor, std::string_view text, std::string_view attributes) {
  constexpr std::string_view anchors[] = {"", R"( text-anchor="middle")", R"( text-anchor="end")"};
  return fmt::format(
      R"(<text x="{:.1f}" y="{:.1f}"{} {}>{}</text>)",
      x,
      y,
      anchors[int(anchor)],
      attributes,
      escape(text));
}

double draw_legend(
    std::span<const std::string> names,
    LegendMark mark,
    double width,
    double top,
    std::string& out) {
  if (names.size() < 2) return 0;
  constexpr double swatch = 18, line = 20, space = 16;
  double x = 0, y = top;
  for (size_t i = 0; i < names.size(); ++i) {
    const double wide_as = swatch + 6 + text_width(names[i]);
    if (x > 0 && x + wide_as > width) x = 0, y += line;
    if (mark == LegendMark::dot)
      out += fmt::format(
          R"(<g class="s{}"><circle class="b" cx="{:.1f}" cy="{:.1f}" r="4"/></g>)",
          i % series_colours,
          x + swatch / 2,
          y + 9);
    else
      out += fmt::format(
          R"(<path class="l s{}"{} d="M{:.1f} {:.1f}h{}"/>)",
          i % series_colours,
          i >= series_colours ? R"( stroke-dasharray="6 4")" : "",
          x + 1,
          y + 9,
          swatch - 2);
    out += svg_text(x + swatch + 6, y + 13.5, Anchor::start, names[i], R"(class="v")");
    x += wide_as + space;
  }
  return y - top + line;
}

std::string png_address(const image::Image& picture) {
  const std::vector<uint8_t> png = image::encode_png(picture);
  return "data:image/png;base64," + base64(std::as_bytes(std::span(png)));
}

std::string rotated(double degrees, double x, double y, std::string_view markup) {
  return fmt::format(R"_(<g transform="rotate({} {:.1f} {:.1f})">{}</g>)_", degrees, x, y, markup);
}

std::string minus_sign(std::string number) {
  return number.starts_with('-') ? "\u2212" + number.substr(1) : number;
}

std::vector<std::string> tick_labels(const std::vector<double>& ticks, Unit unit) {
  double scale = unit == Unit::percent ? 100 : 1, largest = 0, step = INFINITY;
  for (size_t i = 0; i < ticks.size(); ++i) {
    largest = std::max(largest, std::abs(ticks[i]) * scale);
    if (i > 0) step = std::min(step, (ticks[i] - ticks[i - 1]) * scale);
  }
  const char* suffix = unit == Unit::percent ? " %" : "";
  if (unit == Unit::plain && largest >= 1e7)
    scale = 1e-6, suffix = "M";
  else if (unit == Unit::plain && largest >= 1e4)
    scale = 1e-3, suffix = "k";
  if (unit == Unit::plain && scale != 1) step *= scale;
  int decimals =
      std::isfinite(step) ? std::clamp(int(std::ceil(-std::log10(step) - 1e-9)), 0, 8) : 0;
  bool tiny = largest > 0 && largest < 1e-3;
  std::vector<std::string> labels;
  for (double tick : ticks)
    labels.push_back(minus_sign(
        tiny ? fmt::format("{:g}{}", tick * scale, suffix)
             : fmt::format("{:.{}f}{}", tick * scale + 0.0, decimals, tick == 0 ? "" : suffix)));
  return labels;
}

std::string format_value(double value, Unit unit) {
  return minus_sign(
      unit == Unit::percent ? fmt::format("{:.1f} %", value * 100) : fmt::format("{:.4g}", value));
}

std::vector<double> nice_ticks(double low, double high, int count, double min_step) {
  if (!(low < high)) high = low + std::max(1.0, std::abs(low) * 0.1);
  double rough = std::max((high - low) / std::max(count, 1), min_step);
  double power = std::pow(10, std::floor(std::log10(rough)));
  double step = power;
  for (double factor : {1.0, 2.0, 5.0, 10.0})
    if ((step = factor * power) >= rough * (1 - 1e-9)) break;
  std::vector<double> ticks;
  double first = std::floor(low / step + 1e-9), last = std::ceil(high / step - 1e-9);
  for (double k = first; k <= last; ++k) ticks.push_back(k * step + 0.0);
  return ticks;
}

std::vector<double> log_ticks(double low, double high) {
  // One step inside {1, 2, 5} times a power of ten, numbered from 1.
  auto value = [](int k) {
    int decade = k >= 0 ? k / 3 : -((2 - k) / 3);
    constexpr double digits[] = {1, 2, 5};
    return digits[k - 3 * decade] * std::pow(10, decade);
  };
  int first = 3 * int(std::floor(std::log10(low))) - 3, last = first;
  while (value(first + 1) <= low * (1 + 1e-9)) ++first;
  last = first + 1;
  while (value(last) < high * (1 - 1e-9)) ++last;
  std::vector<double> ticks;
  for (int k = first; k <= last; ++k) ticks.push_back(value(k));
  return ticks;
}

}  // namespace fovea::report
