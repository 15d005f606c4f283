#include <algorithm>

#include <fmt/format.h>

#include "fovea/onnx/call.h"
#include "fovea/ops/join.h"
#include "fovea/ops/pad.h"
#include "fovea/ops/slice.h"

// Tensors put together, cut apart and grown.
namespace fovea::onnx {

namespace {

using Values = std::vector<Value>;

Values concat_parts(const Call& c) {
  Values in = c.in;
  if (in.empty()) throw std::invalid_argument("expected an input");
  for (const Value& v : in)
    if (v.rank() != in[0].rank()) throw std::invalid_argument("inputs differ in their axes");
  const bool last = align(in);
  const int axis = in[0].axis(c.integer("axis", 1));
  std::vector<Tensor> parts;
  for (const Value& v : in) parts.push_back(v.tensor);
  return {{concat(parts, axis), last}};
}

Values split_parts(const Call& c) {
  const Value& x = c[0];
  const int axis = x.axis(c.integer("axis", 0));
  const int64_t extent = x.tensor.dim(axis), count = int64_t(c.node.outputs.size());
  std::vector<int64_t> sizes = c.integers(1, "split");
  if (sizes.empty()) {
    if (c.integer("num_outputs", count) != count)
      throw std::invalid_argument("num_outputs differs from the outputs");
    const int64_t each = (extent + count - 1) / count;
    for (int64_t i = 0; i < count; ++i)
      sizes.push_back(std::clamp<int64_t>(extent - i * each, 0, each));
  }
  for (int64_t n : sizes)
    if (n < 0) throw std::invalid_argument(fmt::format("a part of {}", n));
  if (int64_t(sizes.size()) != count)
    throw std::invalid_argument(fmt::format("{} parts for {} outputs", sizes.size(), count));
  Values out;
  for (Tensor& t : split(x.tensor, sizes, axis)) out.push_back({t, x.last});
  return out;
}

Values slice_parts(const Call& c) {
  const Value& x = c[0];
  const bool old = c.opset < 10;
  const auto starts = old ? c.integers("starts") : c.held(1);
  const auto ends = old ? c.integers("ends") : c.held(2);
  auto axes = old ? c.integers("axes") : c.has(3) ? c.held(3) : std::vector<int64_t>();
  const auto steps = !old && c.has(4) ? c.held(4) : std::vector<int64_t>(starts.size(), 1);
  if (axes.empty())
    for (size_t i = 0; i < starts.size(); ++i) axes.push_back(int64_t(i));
  if (ends.size() != starts.size() || axes.size() != starts.size() || steps.size() != starts.size())
    throw std::invalid_argument("starts, ends, axes and steps differ in length");
  const Shape& kept = x.tensor.shape();
  std::vector<Steps> all;
  for (int64_t extent : kept) all.push_back({0, extent, 1});
  for (size_t i = 0; i < starts.size(); ++i) {
    const int axis = x.axis(axes[i]);
    const int64_t n = kept[axis];
    if (steps[i] == 0) throw std::invalid_argument("a step of 0");
    // A step beyond the axis takes one position, whatever its length.
    const int64_t step = std::clamp(steps[i], -n - 1, n + 1);
    const int64_t lowest = step > 0 ? 0 : -1, highest = step > 0 ? n : n - 1;
    auto bound = [&](int64_t v) {
      return std::clamp(v < 0 ? v + n : v, lowest, std::max(lowest, highest));
    };
    const int64_t start = bound(starts[i]);
    const int64_t distance = step > 0 ? bound(ends[i]) - start : start - bound(ends[i]);
    const int64_t stride = std::abs(step);
    const int64_t count = distance > 0 ? (distance + stride - 1) / stride : 0;
    all[size_t(axis)] = {count > 0 ? start : 0, count, step};
  }
  return {{Tensor::output_of(std::make_shared<Slice>(kept, all), {x.tensor}), x.last}};
}

Values pad_edges(const Call& c) {
  const Value& x = c[0];
  const auto pads = c.opset < 2    ? c.integers("paddings")
                    : c.opset < 11 ? c.integers("pads")
                                   : c.held(1);
  std::vector<int64_t> axes;
  if (c.has(3)) axes = c.held(3);
  if (!c.has(3))
    for (int i = 0; i < x.rank(); ++i) axes.push_back(i);
  if (pads.size() != 2 * axes.size())
    throw std::invalid_argument(fmt::format("{} pads for {} axes", pads.size(), axes.size()));
  const std::string mode = c.text("mode", "constant");
  PadOptions o;
  if (mode == "reflect")
    o.mode = PadMode::reflect;
  else if (mode == "edge")
    o.mode = PadMode::replicate;
  else if (mode != "constant")
    throw Unsupported("mode = " + mode);
  if (c.opset < 11)
    o.value = c.number("value", 0);
  else if (c.has(2) && mode == "constant")
    o.value = c.numbers(2).at(0);
  std::vector<PadWidth> widths(static_cast<size_t>(x.rank()));
  std::vector<Range> cut(static_cast<size_t>(x.rank()));
  for (size_t i = 0; i < axes.size(); ++i) {
    const auto axis = size_t(x.axis(axes[i]));
    const int64_t before = pads[i], after = pads[i + axes.size()];
    constexpr int64_t most = 1 << 24;
    if (std::min(before, after) < -most || std::max(before, after) > most)
      throw std::invalid_argument(fmt::format("pads of {} and {}", before, after));
    widths[axis] = {std::max<int64_t>(0, before), std::max<int64_t>(0, after)};
    cut[axis] = {
        std::max<int64_t>(0, -before), x.tensor.dim(int(axis)) - std::max<int64_t>(0, -after)};
    if (cut[axis].stop < cut[axis].start) throw std::invalid_argument("pads leave nothing");
  }
  return {{pad(slice(x.tensor, cut), widths, o), x.last}};
}

Values tile_whole(const Call& c) {
  const Value& x = c[0];
  if (c.opset < 6) throw Unsupported("versions before 6");
  const auto repeats = c.held(1);
  if (int(repeats.size()) != x.rank()) throw std::invalid_argument("repeats: one for each axis");
  std::vector<int64_t> reps(repeats.size());
  for (size_t i = 0; i < repeats.size(); ++i) reps[size_t(x.axis(int64_t(i)))] = repeats[i];
  return {{tile(x.tensor, reps), x.last}};
}

}  // namespace

std::vector<Operator> part_operators() {
  return {
      {"Concat", concat_parts, "axis"},
      {"Split", split_parts, "axis num_outputs split"},
      {"Slice", slice_parts, "axes ends starts"},
      {"Pad", pad_edges, "mode paddings pads value"},
      {"Tile", tile_whole},
  };
}

}  // namespace fovea::onnx
