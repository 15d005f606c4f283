#include <algorithm>
#include <cmath>
#include <stdexcept>

#include <fmt/format.h>

#include "fovea/report/markup.h"
#include "fovea/report/svg_parts.h"

namespace fovea::report {

namespace {

// A logarithmic axis from `low` to `high`, whole powers of ten, onto pixels.
struct LogAxis {
  double low, high, from, to;

  LogAxis(double smallest, double largest)
      : low(std::pow(10, std::floor(std::log10(smallest)))),
        high(std::pow(10, std::ceil(std::log10(largest)))),
        from(0),
        to(1) {
    if (low == high) high = low * 10;
  }
  double at(double v) const {
    return from + std::log(v / low) / std::log(high / low) * (to - from);
  }
  std::vector<double> decades() const {
    std::vector<double> ticks;
    for (double t = low; t < high * 1.01; t *= 10) ticks.push_back(t);
    return ticks;
  }
};

double roof(const Roofline& c, double intensity) {
  return std::min(c.arithmetic, intensity * c.memory);
}

std::string path_of_roof(const Roofline& c, const LogAxis& x, const LogAxis& y) {
  const double ridge = std::clamp(c.arithmetic / c.memory, x.low, x.high);
  return fmt::format(
      R"(<g class="s0"><path class="l" d="M{:.1f} {:.1f}L{:.1f} {:.1f}L{:.1f} {:.1f}"/></g>)",
      x.at(x.low),
      y.at(std::clamp(roof(c, x.low), y.low, y.high)),
      x.at(ridge),
      y.at(roof(c, ridge)),
      x.at(x.high),
      y.at(roof(c, x.high)));
}

std::string draw_point(
    const RooflinePoint& p, const Roofline& c, const LogAxis& x, const LogAxis& y) {
  const double share = p.rate / roof(c, p.intensity);
  return fmt::format(
      R"(<circle class="b" fill-opacity=".55" cx="{:.1f}" cy="{:.1f}" r="{:.1f}">)"
      R"(<title>{}: {:.3g} GFLOP/s, {:.0f} % of the roof, {:.1f} % of the time</title></circle>)",
      x.at(p.intensity),
      y.at(std::clamp(p.rate, y.low, y.high)),
      3 + 26 * std::sqrt(std::clamp(p.weight, 0.0, 1.0)),
      escape(p.label),
      p.rate * 1e-9,
      share * 100,
      p.weight * 100);
}

}  // namespace

Svg roofline(const Roofline& c) {
  if (!(c.arithmetic > 0) || !(c.memory > 0))
    throw std::invalid_argument(fmt::format(
        "[roofline] expected limits above 0, got {} operations and {} bytes per second",
        c.arithmetic,
        c.memory));
  const double ridge = c.arithmetic / c.memory;
  double left = ridge / 10, right = ridge * 10, bottom = c.arithmetic / 100;
  for (const RooflinePoint& p : c.points) {
    if (!(p.intensity > 0) || !(p.rate > 0))
      throw std::invalid_argument(
          fmt::format("[roofline] expected point '{}' above 0 on both axes", p.label));
    left = std::min(left, p.intensity), right = std::max(right, p.intensity);
    bottom = std::min(bottom, p.rate);
  }
  LogAxis x(left, right), y(bottom, c.arithmetic);
  x.from = 52, x.to = c.width - 24;
  y.from = c.height - 44, y.to = 52;

  std::string out = open_svg(c.width, c.height, c.title, c.description);
  for (double t : y.decades()) {
    out += fmt::format(R"(<path class="g" d="M{:.1f} {:.1f}H{:.1f}"/>)", x.from, y.at(t), x.to);
    out += svg_text(x.from - 8, y.at(t) + 4.5, Anchor::end, fmt::format("{:g}", t * 1e-9));
  }
  for (double t : x.decades()) {
    out += fmt::format(R"(<path class="a" d="M{:.1f} {:.1f}v4"/>)", x.at(t), y.from);
    out += svg_text(x.at(t), y.from + 18, Anchor::middle, fmt::format("{:g}", t));
  }
  out += fmt::format(R"(<path class="a" d="M{:.1f} {:.1f}H{:.1f}"/>)", x.from, y.from, x.to);
  out += svg_text((x.from + x.to) / 2, y.from + 37, Anchor::middle, "operations per byte");
  out += svg_text(0, 36, Anchor::start, "GFLOP/s");
  out += path_of_roof(c, x, y);
  out += R"(<g class="s1">)";
  for (const RooflinePoint& p : c.points) out += draw_point(p, c, x, y);
  return {out + "</g></svg>"};
}

}  // namespace fovea::report
