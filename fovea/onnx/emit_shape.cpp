#include <algorithm>
#include <cmath>
#include <optional>

#include "fovea/onnx/emit.h"
#include "fovea/ops/elementwise.h"
#include "fovea/ops/join.h"
#include "fovea/ops/pad.h"
#include "fovea/ops/pool.h"
#include "fovea/ops/resize.h"
#include "fovea/ops/shape.h"
#include "fovea/ops/slice.h"

// What moves, joins and pools elements.
namespace fovea::onnx {

namespace {

template <class P>
const P* of(const Node& node) {
  return dynamic_cast<const P*>(node.primitive.get());
}

constexpr int64_t theirs[] = {0, 2, 3, 1};  // the axis of (N, C, H, W) for one of (N, H, W, C)

// A sliding window that gives these bins.
std::optional<Window> window_of(const std::vector<PoolBin>& bins, int64_t size) {
  int64_t longest = 1;
  for (const PoolBin& b : bins) longest = std::max(longest, b.end - b.begin);
  const auto n = int64_t(bins.size());
  for (int64_t kernel = longest; kernel <= 2 * longest; ++kernel)
    for (int64_t before = 0; before < kernel; ++before)
      for (int64_t stride = 1; stride <= std::max<int64_t>(1, size); ++stride) {
        const int64_t after = std::max<int64_t>(0, (n - 1) * stride + kernel - size - before);
        if (after >= kernel || (size + before + after - kernel) / stride + 1 != n) continue;
        bool fits = true;
        for (int64_t i = 0; fits && i < n; ++i) {
          const int64_t at = i * stride - before;
          fits = bins[size_t(i)].begin == std::max<int64_t>(0, at) &&
                 bins[size_t(i)].end == std::min(size, at + kernel);
        }
        if (fits) return Window{kernel, stride, before, after};
      }
  return {};
}

}  // namespace

bool Emitter::emit_pool(const Node& node) {
  auto* p = dynamic_cast<const Pool*>(node.primitive.get());
  const bool average = of<AvgPool>(node);
  if (!p || (!average && !of<MaxPool>(node))) return false;
  const PoolGrid& grid = p->grid();
  const auto down = window_of(grid.rows, grid.height), right = window_of(grid.columns, grid.width);
  if (!down || !right) return false;
  std::map<std::string, formats::OnnxAttribute> attributes{
      {"kernel_shape", attribute({down->kernel, right->kernel})},
      {"strides", attribute({down->stride, right->stride})},
      {"pads", attribute({down->before, right->before, down->after, right->after})}};
  if (average) {
    bool whole = true, part = true;
    for (const auto& [bins, kernel] :
         {std::pair{&grid.rows, down->kernel}, std::pair{&grid.columns, right->kernel}})
      for (const PoolBin& b : *bins) {
        whole = whole && b.count == kernel;
        part = part && b.count == b.end - b.begin;
      }
    if (!whole && !part) return false;
    attributes["count_include_pad"] = attribute(int64_t(whole));
  }
  give(
      node,
      0,
      add(average ? "AveragePool" : "MaxPool", {images(node.inputs[0])}, attributes),
      true);
  return true;
}

bool Emitter::emit_reshape(const Node& node) {
  const Tensor& x = node.inputs[0];
  const Shape& to = node.outputs[0].spec.shape;
  auto it = found_.find(x.value().get());
  const Named from = it != found_.end() ? it->second : Named{plain(x)};
  const Shape shape = from.shape.value_or(x.shape());
  if (from.shape && to == shape) {
    give(node, 0, from.name, from.first);
    return true;
  }
  // The batch alone, or all rows of all its pictures.
  auto begins_with_batch = [&](const Shape& s) {
    return s.rank() > 0 && s[0] > 0 && s[0] % batch_ == 0;
  };
  if (!begins_with_batch(to) || !begins_with_batch(shape)) return false;
  give(node, 0, reshaped(from, shape, to), false);
  return true;
}

bool Emitter::emit_shape(const Node& node) {
  if (of<StopGradient>(node) || of<Cast>(node)) {
    const Tensor& x = node.inputs[0];
    if (node.outputs[0].spec.dtype != x.dtype()) return false;
    give(node, 0, is_first(x) ? images(x) : plain(x), is_first(x));
    return true;
  }
  if (of<Reshape>(node)) return emit_reshape(node);
  if (auto* p = of<Transpose>(node)) {
    const Tensor& x = node.inputs[0];
    if (is_first(x) && p->order() == std::vector<int>{0, 3, 1, 2}) {
      give(node, 0, images(x), false);
    } else if (!is_first(x) && p->order() == std::vector<int>{0, 2, 3, 1}) {
      give(node, 0, plain(x), true);
    } else {
      const std::vector<int64_t> perm(p->order().begin(), p->order().end());
      give(node, 0, add("Transpose", {plain(x)}, {{"perm", attribute(perm)}}), false);
    }
    return true;
  }
  return false;
}

bool Emitter::emit_parts(const Node& node) {
  if (auto* p = of<Concat>(node)) {
    const bool first = std::ranges::any_of(node.inputs, [&](auto& t) { return is_first(t); });
    std::vector<std::string> inputs;
    for (const Tensor& t : node.inputs) inputs.push_back(first ? images(t) : plain(t));
    const int64_t axis = first ? theirs[p->axis()] : p->axis();
    give(node, 0, add("Concat", inputs, {{"axis", attribute(axis)}}), first);
    return true;
  }
  if (node.inputs.empty()) return false;
  const Tensor& x = node.inputs[0];
  const bool first = is_first(x);
  if (auto* p = of<Slice>(node)) {
    std::vector<int64_t> starts, ends, axes, steps;
    for (int i = 0; i < x.rank(); ++i) {
      const Steps& s = p->steps()[size_t(i)];
      if (s == Steps{0, x.dim(i), 1}) continue;
      if (i == 0 || s.step < 1) return false;
      starts.push_back(s.start);
      ends.push_back(s.start + (s.count - 1) * s.step + 1);
      axes.push_back(first ? theirs[i] : i);
      steps.push_back(s.step);
    }
    give(
        node,
        0,
        add("Slice",
            {first ? images(x) : plain(x),
             integers(starts),
             integers(ends),
             integers(axes),
             integers(steps)}),
        first);
    return true;
  }
  if (auto* p = of<Pad>(node)) {
    constexpr const char* modes[] = {"constant", "reflect", "edge"};
    const auto rank = size_t(x.rank());
    std::vector<int64_t> pads(2 * rank);
    for (size_t i = 0; i < rank; ++i) {
      const auto to = size_t(first ? theirs[i] : int64_t(i));
      pads[to] = p->widths()[i].before;
      pads[to + rank] = p->widths()[i].after;
    }
    give(
        node,
        0,
        add("Pad",
            {first ? images(x) : plain(x), integers(pads), scalar(p->options().value)},
            {{"mode", attribute(modes[size_t(p->options().mode)])}}),
        first);
    return true;
  }
  if (auto* p = of<Resize>(node)) {
    const ResizeOptions& o = p->options();
    if (o.antialias) return false;
    const bool nearest = o.mode == Interpolation::nearest;
    const Shape& to = node.outputs[0].spec.shape;
    const float down = float(to[1]) / float(x.dim(1)), right = float(to[2]) / float(x.dim(2));
    auto reaches = [](int64_t from, float scale, int64_t size) {
      return int64_t(std::floor(double(from) * double(scale))) == size;
    };
    std::vector<std::string> inputs{images(x), ""};
    // The size is floor(extent * scale); where rounding makes that another one, it is spelt out.
    if (reaches(x.dim(1), down, to[1]) && reaches(x.dim(2), right, to[2])) {
      inputs.push_back(constant("scales", Tensor::from<float>({1, 1, down, right}, {4})));
    } else {
      const std::string n = add("Gather", {add("Shape", {inputs[0]}), integers({0})});
      inputs.insert(
          inputs.end(),
          {"",
           add("Concat", {n, integers({to[3], to[1], to[2]})}, {{"axis", attribute(int64_t(0))}})});
    }
    give(
        node,
        0,
        add("Resize",
            inputs,
            {{"mode",
              attribute(
                  nearest                             ? "nearest"
                  : o.mode == Interpolation::bilinear ? "linear"
                                                      : "cubic")},
             {"nearest_mode", attribute("floor")},
             {"coordinate_transformation_mode",
              attribute(
                  nearest           ? "asymmetric"
                  : o.align_corners ? "align_corners"
                                    : "half_pixel")}}),
        true);
    return true;
  }
  return false;
}

}  // namespace fovea::onnx
