#include <algorithm>
#include <cmath>
#include <stdexcept>

#include <fmt/format.h>

#include "fovea/report/markup.h"
#include "fovea/report/svg_parts.h"

namespace fovea::report {

Svg bar_chart(const BarChart& chart) {
  constexpr double top = 34, pitch = 24, thickness = 15;
  double low = 0, high = 0, label_width = 0, value_width = 0;
  for (const Bar& bar : chart.bars) {
    if (!std::isfinite(bar.value))
      throw std::invalid_argument(
          fmt::format("[bar_chart] expected finite values, got {} for '{}'", bar.value, bar.label));
    low = std::min(low, bar.value);
    high = std::max(high, bar.value);
    label_width = std::max(label_width, text_width(bar.label));
    value_width = std::max(value_width, text_width(format_value(bar.value, chart.unit)));
  }
  if (low == high) high = 1;
  label_width = std::min(label_width, chart.width * 0.4);

  // Values of negative bars stand left of them, so that side needs room as well.
  double left = label_width + 10 + (low < 0 ? value_width + 14 : 0);
  double right = chart.width - value_width - 8;
  auto px = [&](double v) { return left + (v - low) / (high - low) * (right - left); };
  double height = top + pitch * double(std::max<size_t>(chart.bars.size(), 1)) + 4;

  std::string out = open_svg(chart.width, height, chart.title, chart.description);
  for (size_t i = 0; i < chart.bars.size(); ++i) {
    const Bar& bar = chart.bars[i];
    double y = top + pitch * double(i), baseline = y + thickness - 3;
    std::string value = format_value(bar.value, chart.unit);
    out += "<g><title>" + escape(bar.label + ": " + value) + "</title>";
    out += svg_text(label_width, baseline, Anchor::end, fit_text(bar.label, label_width));
    double from = px(std::min(bar.value, 0.0)), to = px(std::max(bar.value, 0.0));
    out += fmt::format(
        R"(<rect x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{}" rx="2" class="b s{}"/>)",
        from,
        y,
        std::max(to - from, 1.0),
        thickness,
        bar.value < 0 ? 1 : 0);
    bool negative = bar.value < 0;
    out += svg_text(
        negative ? from - 6 : to + 6,
        baseline,
        negative ? Anchor::end : Anchor::start,
        value,
        R"(class="v")");
    out += "</g>";
  }
  if (chart.bars.empty()) out += svg_text(0, top + 12, Anchor::start, "no data");
  out += fmt::format(
      R"(<path class="a" d="M{0:.1f} {1}V{2}"/></svg>)",
      px(0),
      top - 4,
      height - 4 - pitch + thickness + 4);
  return {out};
}

}  // namespace fovea::report
