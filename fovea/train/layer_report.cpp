#include "fovea/train/layer_report.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include <fmt/format.h>

#include "fovea/report/field.h"

namespace fovea::train {

namespace {

constexpr size_t most_strips = 10, most_lines = 8;

using Part = std::vector<SignalStats> LayerRecord::*;

const SignalStats* find(const std::vector<SignalStats>& list, const std::string& name) {
  auto it = std::ranges::find(list, name, &SignalStats::name);
  return it == list.end() ? nullptr : &*it;
}

// The range of a layer's histograms at all times.
std::pair<double, double> range_of(
    const std::vector<LayerRecord>& records, Part part, const std::string& name) {
  double low = INFINITY, high = -INFINITY;
  for (const LayerRecord& r : records) {
    const SignalStats* s = find(r.*part, name);
    if (!s || s->values.shares.empty()) continue;
    low = std::min(low, s->values.low);
    high = std::max(high, s->values.high);
  }
  return low < high ? std::pair{low, high} : std::pair{0.0, 1.0};
}

// From the lowest to the highest bin that is used at all, of gradients.
std::pair<double, double> gradient_range(
    const std::vector<LayerRecord>& records, Part part, const std::string& name) {
  const double width = (gradient_high - gradient_low) / histogram_bins;
  int first = histogram_bins, last = -1;
  for (const LayerRecord& r : records) {
    const SignalStats* s = find(r.*part, name);
    if (!s) continue;
    for (int b = 0; b < int(s->gradient.shares.size()); ++b)
      if (s->gradient.shares[size_t(b)] > 0.01)
        first = std::min(first, b), last = std::max(last, b);
  }
  if (last < first) return {gradient_low, gradient_high};
  return {std::floor(gradient_low + first * width), std::ceil(gradient_low + (last + 1) * width)};
}

std::string share_text(double share) {
  return share > 0 && share < 0.01 ? "<1 %" : fmt::format("{:.0f} %", 100 * share);
}

std::string note_of(const SignalStats& s, bool gradient) {
  if (gradient) return fmt::format("std {:.1e}", s.gradient_std);
  std::string text = fmt::format("std {:.2g}", s.std);
  if (s.dead > 0) text += ", dead " + share_text(s.dead);
  if (s.saturated > 0) text += ", saturated " + share_text(s.saturated);
  return text;
}

struct StripsOf {
  std::string title, description;
  Part part;
  bool gradient = false;
  int series = 0;
};

report::Figure strips(const std::vector<LayerRecord>& records, const StripsOf& o) {
  report::StripChart chart{.title = o.title, .description = o.description};
  chart.x_label = "step";
  chart.series = o.series;
  for (const LayerRecord& r : records) chart.columns.push_back(std::to_string(r.step));
  const std::vector<SignalStats>& names = records.back().*o.part;
  for (size_t i : spread(names.size(), most_strips)) {
    const SignalStats& last = names[i];
    const auto range = o.gradient ? gradient_range(records, o.part, last.name)
                                  : range_of(records, o.part, last.name);
    report::Strip strip{.label = last.name, .note = note_of(last, o.gradient)};
    strip.low = range.first;
    strip.high = range.second;
    strip.log = o.gradient;
    strip.shares = {histogram_bins, int(records.size()), {}};
    strip.shares.values.assign(size_t(histogram_bins) * records.size(), 0);
    for (size_t c = 0; c < records.size(); ++c) {
      const SignalStats* s = find(records[c].*o.part, last.name);
      if (!s) continue;
      const auto column = resampled(
          o.gradient ? s->gradient : s->values, range.first, range.second, histogram_bins);
      for (size_t b = 0; b < column.size(); ++b)
        strip.shares.values[b * records.size() + c] = column[b];
    }
    chart.strips.push_back(std::move(strip));
  }
  std::string caption = o.description;
  if (names.size() > most_strips)
    caption += fmt::format(" {} of {} are shown.", most_strips, names.size());
  return {report::strip_chart(chart), caption};
}

// A line for each layer; `value` gives NaN where there is none.
report::LineChart lines(
    const std::vector<LayerRecord>& records,
    const std::vector<std::string>& names,
    const std::function<double(const LayerRecord&, const std::string&)>& value) {
  report::LineChart chart;
  chart.x_label = "step";
  for (const std::string& name : names) {
    report::Series series{name, {}, {}};
    for (const LayerRecord& r : records) {
      series.x.push_back(double(r.step));
      series.y.push_back(value(r, name));
    }
    chart.series.push_back(std::move(series));
  }
  return chart;
}

report::Figure ratios(const std::vector<LayerRecord>& records) {
  const std::vector<SignalStats>& weights = records.back().weights;
  std::vector<std::string> names;
  for (size_t i : spread(weights.size(), most_lines)) names.push_back(weights[i].name);
  report::LineChart chart =
      lines(records, names, [](const LayerRecord& r, const std::string& name) {
        const SignalStats* s = find(r.weights, name);
        const auto at = s ? size_t(s - r.weights.data()) : r.ratios.size();
        return at < r.ratios.size() ? r.ratios[at] : NAN;
      });
  chart.title = "Update / weight";
  chart.log_y = true;
  return {
      report::line_chart(chart),
      "The norm of one step's change over that of the weights. About 1e-3 is usual."};
}

double lost(const SignalStats& s) { return std::max(s.dead, s.saturated); }

report::Figure shares_lost(const std::vector<LayerRecord>& records) {
  std::vector<std::pair<double, std::string>> worst;
  for (const SignalStats& s : records.back().activations) {
    double most = 0;
    for (const LayerRecord& r : records)
      if (const SignalStats* at = find(r.activations, s.name)) most = std::max(most, lost(*at));
    if (most > 0.01) worst.emplace_back(-most, s.name);
  }
  std::ranges::sort(worst);
  std::vector<std::string> names;
  for (const auto& item : worst)
    if (names.size() < most_lines) names.push_back(item.second);
  report::LineChart chart =
      lines(records, names, [](const LayerRecord& r, const std::string& name) {
        const SignalStats* s = find(r.activations, name);
        return s ? lost(*s) : NAN;
      });
  chart.title = "Dead or saturated";
  chart.unit = report::Unit::percent;
  return {
      report::line_chart(chart),
      names.empty() ? "No layer ever lost more than 1 %."
                    : "Channels of a ReLU that are 0 for every picture looked at; values of tanh "
                      "and sigmoids within 1 % of an end. The worst layers."};
}

}  // namespace

void add_layers_over_time(report::HtmlReport& html, const std::vector<LayerRecord>& records) {
  if (records.size() < 2) return;
  html.section("The layers over time");
  html.paragraph(fmt::format(
      "The same pictures were looked at {} times. Each column is a histogram of that moment, the "
      "stronger its colour the more values; zeros are left out. Numbers at the right are of "
      "the last moment.",
      records.size()));
  std::vector<report::Figure> figures{
      strips(
          records,
          {.title = "Activations",
           .description = "What comes out of each nonlinearity, and the scores.",
           .part = &LayerRecord::activations}),
      strips(
          records,
          {.title = "Gradients of the activations",
           .description = "By size, on a logarithmic axis.",
           .part = &LayerRecord::activations,
           .gradient = true,
           .series = 1})};
  if (!records.back().weights.empty()) {
    figures.push_back(strips(
        records,
        {.title = "Weights",
         .description = "Of each layer.",
         .part = &LayerRecord::weights,
         .series = 2}));
    figures.push_back(strips(
        records,
        {.title = "Gradients of the weights",
         .description = "By size, on a logarithmic axis.",
         .part = &LayerRecord::weights,
         .gradient = true,
         .series = 3}));
    figures.push_back(ratios(records));
  }
  figures.push_back(shares_lost(records));
  html.figures(figures);
}

}  // namespace fovea::train
