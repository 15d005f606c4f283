#include "fovea/report/svg_axis.h"

#include <algorithm>

#include <fmt/format.h>

#include "fovea/report/svg_parts.h"

namespace fovea::report {

namespace {

constexpr size_t max_log_ticks = 9;

// Of many ticks only powers of ten stay, of many decades every second, third, ...
void keep_decades(std::vector<double>& ticks) {
  if (ticks.size() <= max_log_ticks) return;
  std::vector<double> decades;
  for (double tick : ticks)
    if (double power = std::log10(tick); std::abs(power - std::round(power)) < 1e-6)
      decades.push_back(tick);
  ticks.clear();
  size_t stride = decades.size() / (max_log_ticks + 1) + 1;
  for (size_t i = 0; i < decades.size(); i += stride) ticks.push_back(decades[i]);
}

}  // namespace

Axis::Axis(Range range, const AxisOptions& o) : options_(o), range_(range) {
  if (range_.empty()) range_ = o.log ? Range{1, 10} : Range{0, 1};
  const bool point = range_.low == range_.high;
  if (point && !o.out_to_ticks)
    range_ =
        o.log ? Range{range_.low / 2, range_.high * 2} : Range{range_.low - 0.5, range_.high + 0.5};
  ticks_ = o.log ? log_ticks(range_.low, range_.high)
                 : nice_ticks(range_.low, range_.high, o.ticks, o.min_step);
  if (o.out_to_ticks)
    range_ = {ticks_.front(), ticks_.back()};
  else
    std::erase_if(ticks_, [&](double tick) { return tick < range_.low || tick > range_.high; });
  if (o.log) keep_decades(ticks_);
}

double Axis::share(double v) const {
  return options_.log ? std::log(v / range_.low) / std::log(range_.high / range_.low)
                      : (v - range_.low) / (range_.high - range_.low);
}

std::vector<std::string> Axis::labels() const {
  if (!options_.log) return tick_labels(ticks_, options_.unit);
  std::vector<std::string> labels;
  for (double tick : ticks_)
    labels.push_back(
        options_.unit == Unit::percent ? fmt::format("{:g} %", tick * 100)
                                       : fmt::format("{:g}", tick));
  return labels;
}

void draw_y_axis(const Axis& y, double left, double right, std::string& out) {
  const auto labels = y.labels();
  for (size_t i = 0; i < labels.size(); ++i) {
    const double at = y.at(y.ticks()[i]);
    out += fmt::format(R"(<path class="g" d="M{:.1f} {:.1f}H{:.1f}"/>)", left, at, right);
    out += svg_text(left - 8, at + 4.5, Anchor::end, labels[i]);
  }
}

void draw_x_axis(const Axis& x, double y, std::string_view name, std::string& out) {
  out += fmt::format(R"(<path class="a" d="M{:.1f} {:.1f}H{:.1f}"/>)", x.from, y, x.to);
  const auto labels = x.labels();
  for (size_t i = 0; i < labels.size(); ++i) {
    const double at = x.at(x.ticks()[i]);
    out += fmt::format(R"(<path class="a" d="M{:.1f} {:.1f}v4"/>)", at, y);
    out += svg_text(at, y + 18, Anchor::middle, labels[i]);
  }
  out += svg_text((x.from + x.to) / 2, y + 37, Anchor::middle, name);
}

}  // namespace fovea::report
