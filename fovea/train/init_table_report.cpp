// A comparison of initialisers in words and pictures.
#include <algorithm>
#include <cmath>
#include <map>

#include <fmt/format.h>

#include "fovea/core/atomic_file.h"
#include "fovea/report/export.h"
#include "fovea/report/field.h"
#include "fovea/report/html.h"
#include "fovea/train/init_table.h"

namespace fovea::train {

namespace {

using Cell = std::string (*)(const SignalStats& s);

std::string activation_cell(const SignalStats& s) {
  return fmt::format("{:.2g} ± {:.2g}", s.mean, s.std);
}
std::string gradient_cell(const SignalStats& s) { return fmt::format("{:.1e}", s.gradient_std); }

// A row for each layer, a column for each rule.
report::Table table_of(const InitTable& t, Cell cell) {
  report::Table table;
  table.columns = {"layer", ""};
  for (const InitColumn& c : t.columns) table.columns.push_back(c.rule);
  const std::vector<SignalStats>& layers = t.columns.front().layers;
  for (size_t i = 0; i < layers.size(); ++i) {
    std::vector<std::string> row{layers[i].name, layers[i].op};
    for (const InitColumn& c : t.columns) row.push_back(cell(c.layers[i]));
    table.rows.push_back(std::move(row));
  }
  return table;
}

std::string verdicts(const InitTable& t) {
  std::string text;
  for (const InitColumn& c : t.columns)
    text += fmt::format("{:<14} {}, first loss {:.3g}\n", c.rule, c.verdict, c.loss);
  return text;
}

// Deviations by layer, a line for each rule.
report::Figure deviations(const InitTable& t, const char* title, double SignalStats::*value) {
  report::LineChart chart{.title = title};
  chart.x_label = "layer";
  chart.log_y = true;
  for (const InitColumn& c : t.columns) {
    report::Series series{c.rule, {}, {}};
    for (size_t i = 0; i + 1 < c.layers.size(); ++i) {
      series.x.push_back(double(i + 1));
      series.y.push_back(c.layers[i].*value);
    }
    chart.series.push_back(std::move(series));
  }
  return {
      report::line_chart(chart),
      "Equally high is good: what shrinks or grows by a factor from "
      "layer to layer dies or explodes in a deep network."};
}

// The range that holds the histograms of these layers.
std::pair<double, double> range_of(std::span<const SignalStats> layers, bool gradient) {
  double low = INFINITY, high = -INFINITY;
  for (const SignalStats& s : layers) {
    const Histogram& h = gradient ? s.gradient : s.values;
    const double width = (h.high - h.low) / histogram_bins;
    for (size_t b = 0; b < h.shares.size(); ++b)
      if (h.shares[b] > 0.01) {
        low = std::min(low, h.low + double(b) * width);
        high = std::max(high, h.low + double(b + 1) * width);
      }
  }
  if (!(low < high)) return {0, 1};
  return gradient ? std::pair{std::floor(low), std::ceil(high)} : std::pair{low, high};
}

// A strip for each rule, a column for each layer; scores have a scale of their own.
report::Figure histograms(const InitTable& t, bool gradient) {
  report::StripChart chart{
      .title = gradient ? "Gradients by layer" : "Activations by layer", .x_label = "layer"};
  chart.series = gradient ? 1 : 0;
  const std::vector<SignalStats>& layers = t.columns.front().layers;
  const size_t n = std::max<size_t>(layers.size() - 1, 1);
  for (size_t i = 0; i < n; ++i) chart.columns.push_back(layers[i].name);
  for (const InitColumn& c : t.columns) {
    const auto [low, high] = range_of(std::span(c.layers).first(n), gradient);
    report::Strip strip{
        .label = c.rule, .note = c.verdict, .low = low, .high = high, .log = gradient};
    strip.shares = {histogram_bins, int(n), std::vector<double>(histogram_bins * n, 0.0)};
    for (size_t i = 0; i < n; ++i) {
      const SignalStats& s = c.layers[i];
      const auto column = resampled(gradient ? s.gradient : s.values, low, high, histogram_bins);
      for (size_t b = 0; b < column.size(); ++b) strip.shares.values[b * n + i] = column[b];
    }
    chart.strips.push_back(std::move(strip));
  }
  return {
      report::strip_chart(chart),
      gradient
          ? "Sizes of the loss's gradients, on a logarithmic axis; each strip over its own range."
          : "Histograms from the input's side on, each strip over its own range; zeros are "
            "left out."};
}

std::string csv_of(const InitTable& t) {
  std::string text = "rule,layer,op,mean,std,zero,dead,saturated,gradient_mean,gradient_std\n";
  for (const InitColumn& c : t.columns)
    for (const SignalStats& s : c.layers)
      text += fmt::format(
          "{},{},{},{:.6g},{:.6g},{:.6g},{:.6g},{:.6g},{:.6g},{:.6g}\n",
          report::csv_cell(c.rule),
          report::csv_cell(s.name),
          s.op,
          s.mean,
          s.std,
          s.zero,
          s.dead,
          s.saturated,
          s.gradient_mean,
          s.gradient_std);
  return text;
}

}  // namespace

std::string init_table_text(const InitTable& t) {
  return fmt::format(
      "activations, mean ± standard deviation\n{}\ngradients of the activations, standard "
      "deviation\n{}\n{}",
      report::text_table(table_of(t, activation_cell)),
      report::text_table(table_of(t, gradient_cell)),
      verdicts(t));
}

void write_init_table(const InitTable& t, const std::string& path) {
  const std::string ending = report::ending_of("[init_table]", path, {".html", ".csv"});
  if (ending == ".csv") return write_file_atomic(path, csv_of(t));
  report::HtmlReport page("How the network begins", t.title);
  page.paragraph(fmt::format(
      "One forward and backward pass over {} pictures before any training, under {} initialisers.",
      t.pictures,
      t.columns.size()));
  std::vector<report::Card> cards;
  for (const InitColumn& c : t.columns) {
    const bool good = c.verdict == "holds", none = c.layers.size() < 2;
    cards.push_back(
        {c.rule,
         c.verdict,
         fmt::format("first loss {:.3g}", c.loss),
         none   ? report::Tone::neutral
         : good ? report::Tone::good
                : report::Tone::warning});
  }
  page.cards(cards);
  for (const std::string& text : t.notes) page.note(report::Tone::warning, text);
  page.section("Layer by layer");
  const report::Figure figures[] = {
      deviations(t, "Deviation of the activations", &SignalStats::std),
      deviations(t, "Deviation of their gradients", &SignalStats::gradient_std),
      histograms(t, false),
      histograms(t, true)};
  page.figures(figures);
  page.section("The numbers");
  page.table(table_of(t, activation_cell), "Activations, mean ± standard deviation");
  page.table(table_of(t, gradient_cell), "Gradients of the activations, standard deviation");
  page.write(path);
}

}  // namespace fovea::train
