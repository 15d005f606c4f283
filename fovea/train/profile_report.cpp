#include <algorithm>

#include <fmt/format.h>

#include "fovea/core/text.h"
#include "fovea/report/html.h"
#include "fovea/train/step_profile.h"

namespace fovea::train {

namespace {

const char* words(Bound b) {
  return b == Bound::arithmetic ? "arithmetic" : b == Bound::memory ? "memory" : "small";
}

report::Table layer_table(const StepProfile& p, size_t most) {
  report::Table table;
  table.columns = {"layer", "op", "ms", "share", "GFLOP/s", "GB/s", "of peak", "bound by"};
  for (const LayerCost& c : p.layers) {
    if (table.rows.size() == most) break;
    table.rows.push_back(
        {c.path.empty() ? "-" : c.path,
         c.calls > 1 ? fmt::format("{} ({} times)", c.op, c.calls) : c.op,
         fmt::format("{:.3f}", c.seconds * 1e3),
         fmt::format("{:.1f} %", c.seconds / p.kernel_seconds() * 100),
         fmt::format("{:.1f}", c.flops / c.seconds * 1e-9),
         fmt::format("{:.1f}", c.bytes / c.seconds * 1e-9),
         fmt::format("{:.0f} %", share_of_peak(c, p.peak) * 100),
         words(bound_of(c, p.peak))});
  }
  return table;
}

double overhead(const StepProfile& p) {
  return std::max(p.median() - p.kernel_seconds() - p.waited, 0.0);
}

std::string machine_line(const StepProfile& p) {
  return fmt::format(
      "{}; the machine at most: {:.0f} GFLOP/s of multiply-adds, {:.1f} GB/s copied",
      counted(p.threads, "thread"),
      p.peak.fma,
      p.peak.memory);
}

report::Svg roofline_of(const StepProfile& p) {
  report::Roofline chart{
      .title = "Reached against possible",
      .description = "Each point is an op of a layer; the larger, the more of the time it takes.",
      .arithmetic = p.peak.fma * 1e9,
      .memory = p.peak.memory * 1e9,
      .width = 860};
  for (const LayerCost& c : p.layers)
    if (c.flops > 0 && c.bytes > 0 && c.seconds > 0)
      chart.points.push_back(
          {(c.path.empty() ? c.op : c.path + " " + c.op),
           c.flops / c.bytes,
           c.flops / c.seconds,
           c.seconds / p.kernel_seconds()});
  return report::roofline(chart);
}

report::Svg time_by_op(const StepProfile& p) {
  std::vector<report::Bar> bars;
  for (const LayerCost& c : p.layers) {
    auto it = std::ranges::find(bars, c.op, &report::Bar::label);
    if (it == bars.end()) it = bars.insert(it, {c.op, 0});
    it->value += c.seconds / p.kernel_seconds();
  }
  std::ranges::stable_sort(bars, std::greater(), &report::Bar::value);
  if (bars.size() > 12) bars.resize(12);
  return report::bar_chart(
      {.title = "Time by op", .bars = bars, .unit = report::Unit::percent, .width = 860});
}

}  // namespace

std::string profile_text(const StepProfile& p, int most) {
  const double step = p.median();
  std::string text = fmt::format(
      "{}, batch {}\n{:.2f} ms a step (median of {}), {:.1f} images/s, {:.1f} GFLOP/s, {:.0f} % of "
      "peak\n",
      p.title,
      p.batch,
      step * 1e3,
      p.seconds.size(),
      double(p.batch) / step,
      p.flops() / step * 1e-9,
      p.flops() / step / p.peak.fma * 1e-7);
  text += fmt::format(
      "{:.1f} MB of tensors at most; {:.1f} % of the step outside of kernels",
      double(p.peak_bytes) * 1e-6,
      overhead(p) / step * 100);
  if (p.waited > 0) text += fmt::format(", {:.1f} % waiting for data", p.waited / step * 100);
  return fmt::format(
      "{}\n{}\n\n{}",
      text,
      machine_line(p),
      report::text_table(layer_table(p, size_t(std::max(most, 0)))));
}

void write_profile_html(const StepProfile& p, const std::string& path) {
  const double step = p.median();
  report::HtmlReport page(p.title, machine_line(p));
  const report::Card cards[] = {
      {"Step", fmt::format("{:.2f} ms", step * 1e3), fmt::format("batch {}", p.batch)},
      {"Speed", fmt::format("{:.1f} images/s", double(p.batch) / step)},
      {"Arithmetic",
       fmt::format("{:.0f} GFLOP/s", p.flops() / step * 1e-9),
       fmt::format("{:.0f} % of peak", p.flops() / step / p.peak.fma * 1e-7)},
      {"Memory", fmt::format("{:.1f} MB", double(p.peak_bytes) * 1e-6), "of tensors at most"},
      {"Outside of kernels", fmt::format("{:.1f} %", overhead(p) / step * 100), "of the step"},
  };
  page.cards(cards);
  page.section("Where the time goes");
  const report::Figure figures[] = {
      {roofline_of(p),
       "Under the slope memory is the limit, under the flat part arithmetic. Rest the pointer on a "
       "point to read it."},
      {time_by_op(p), ""}};
  page.figures(figures);
  page.section("Layers");
  page.table(
      layer_table(p, p.layers.size()),
      "Slowest first. 'Of peak' is the share of the nearer limit; 'small' layers fill neither.");
  page.write(path);
}

}  // namespace fovea::train
