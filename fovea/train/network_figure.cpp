#include "fovea/train/network_figure.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "fovea/core/text.h"
#include "fovea/models/diagram.h"
#include "fovea/report/table.h"

namespace fovea::train {

namespace {

using models::DiagramLayer;
using models::DiagramStep;
using Kind = DiagramLayer::Kind;
using Drawn = report::NetworkLayer::Kind;

Drawn drawn_kind(Kind kind) {
  switch (kind) {
    case Kind::input:
      return Drawn::input;
    case Kind::conv:
    case Kind::transposed_conv:
      return Drawn::conv;
    case Kind::linear:
      return Drawn::linear;
    case Kind::max_pool:
    case Kind::avg_pool:
      return Drawn::pool;
    case Kind::norm:
      return Drawn::norm;
    case Kind::activation:
      return Drawn::activation;
    case Kind::concat:
      return Drawn::concat;
    case Kind::add:
    case Kind::subtract:
    case Kind::multiply:
      return Drawn::join;
    case Kind::other:
      break;
  }
  return Drawn::other;
}

std::string words(const std::string& op) {
  constexpr std::pair<std::string_view, std::string_view> known[] = {
      {"relu", "ReLU"},
      {"relu6", "ReLU6"},
      {"leaky relu", "leaky ReLU"},
      {"elu", "ELU"},
      {"gelu", "GELU"},
      {"silu", "SiLU"}};
  for (auto [name, text] : known)
    if (op == name) return std::string(text);
  return op.starts_with("x ") ? "× " + op.substr(2) : op;
}

report::NetworkStep drawn_step(const DiagramStep& step) {
  using To = report::NetworkStep::Kind;
  const To kind = step.kind == DiagramStep::Kind::norm         ? To::norm
                  : step.kind == DiagramStep::Kind::activation ? To::activation
                                                               : To::scale;
  return {kind, kind == To::scale ? "scaling" : words(step.name)};
}

// "56 × 56 × 64", without the axis of the batch.
std::string shape_text(const Shape& s) {
  return fmt::format("{}", fmt::join(s.begin() + std::min(1, s.rank()), s.end(), " × "));
}

std::string square(const std::array<int64_t, 2>& size) {
  return fmt::format("{}×{}", size[0], size[1]);
}

std::string stride_text(const std::array<int64_t, 2>& stride) {
  if (stride[0] != stride[1]) return "/" + square(stride);
  return stride[0] == 1 ? "" : fmt::format("/{}", stride[0]);
}

std::string listed(std::initializer_list<std::string> parts) {
  std::string text;
  for (const std::string& part : parts)
    if (!part.empty()) text += (text.empty() ? "" : ", ") + part;
  return text;
}

// The text of a box and what stands behind or below it.
std::pair<std::string, std::string> texts(const DiagramLayer& l) {
  const std::string channels = std::to_string(l.output.rank() > 0 ? l.output.back() : 0);
  const std::string stride = stride_text(l.stride);
  switch (l.kind) {
    case Kind::input:
      return {"input", shape_text(l.output)};
    case Kind::conv:
    case Kind::transposed_conv: {
      const bool depthwise = l.groups > 1 && l.groups == l.output.back();
      const char* name = l.kind == Kind::transposed_conv ? "transposed conv"
                         : depthwise                     ? "depthwise conv"
                                                         : "conv";
      const std::string groups =
          l.groups > 1 && !depthwise ? fmt::format("{} groups", l.groups) : "";
      return {square(l.kernel) + " " + name, listed({channels, groups, stride})};
    }
    case Kind::linear:
      return {"fc", channels};
    case Kind::max_pool:
    case Kind::avg_pool: {
      const char* name = l.kind == Kind::max_pool ? "max pool" : "avg pool";
      if (l.global) return {fmt::format("global {}", name), ""};
      return {name, listed({square(l.kernel), stride})};
    }
    case Kind::add:
      if (l.op == "mean") return {"μ", "mean"};
      return {"+", "sum"};
    case Kind::subtract:
      return {"−", "difference"};
    case Kind::multiply:
      return {"×", "product"};
    case Kind::concat:
      return {"concat", ""};
    case Kind::norm:
    case Kind::activation:
    case Kind::other:
      break;
  }
  return {words(l.op), stride};
}

std::string note_of(const DiagramLayer& l, const report::NetworkLayer& drawn) {
  std::vector<std::string> steps;
  for (const DiagramStep& step : l.before) steps.push_back(words(step.name));
  steps.push_back(report::one_line(drawn));
  for (const DiagramStep& step : l.after) steps.push_back(words(step.name));
  std::string text = fmt::format("{}\ngives {}", fmt::join(steps, ", "), drawn.shape);
  if (l.parameters > 0)
    text += fmt::format("\n{} parameters", report::short_count(double(l.parameters)));
  if (l.macs > 0) text += fmt::format("\n{} multiply-adds", report::short_count(l.macs));
  if (!l.paths.empty()) text += "\n" + list_of(l.paths, 4);
  return text;
}

}  // namespace

report::NetworkChart network_figure(nn::Module& m, const NetworkFigureOptions& o) {
  report::NetworkChart chart{.title = o.title};
  int64_t parameters = 0;
  double macs = 0;
  for (const DiagramLayer& l : models::diagram(m, o.input)) {
    auto [text, detail] = texts(l);
    report::NetworkLayer drawn{
        .kind = drawn_kind(l.kind),
        .text = text,
        .detail = detail,
        .shape = shape_text(l.output),
        .inputs = l.inputs};
    for (const DiagramStep& step : l.before) drawn.before.push_back(drawn_step(step));
    for (const DiagramStep& step : l.after) drawn.after.push_back(drawn_step(step));
    drawn.note = note_of(l, drawn);
    chart.layers.push_back(std::move(drawn));
    parameters += l.parameters;
    macs += l.macs;
  }
  if (!o.source.empty()) chart.caption.push_back(o.source);
  const int64_t all = nn::count_parameters(m);
  chart.caption.push_back(fmt::format(
      "{} parameters, {} multiply-adds",
      report::short_count(double(all)),
      report::short_count(macs)));
  if (all > parameters)
    chart.caption.push_back(fmt::format(
        "Not drawn: heads that only help training, with {} of the parameters",
        report::short_count(double(all - parameters))));
  chart.description = fmt::format(
      "{} layers from a picture of {} to scores of {}",
      chart.layers.size() - 1,
      chart.layers.front().shape,
      chart.layers.back().shape);
  return chart;
}

}  // namespace fovea::train
