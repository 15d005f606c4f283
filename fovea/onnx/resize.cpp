#include "fovea/ops/resize.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "fovea/onnx/call.h"
#include "fovea/ops/index.h"
#include "fovea/ops/matmul.h"
#include "fovea/ops/shape.h"

// Resize and Upsample, axis by axis: a sparse row of weights for each position of the result.
namespace fovea::onnx {

namespace {

using Values = std::vector<Value>;

struct Rule {
  std::string mode = "nearest", coordinates = "asymmetric", nearest = "floor";
  double cubic = -0.75;
  bool exclude_outside = false, antialias = false;
};

struct AxisSize {
  int64_t in, out;
  float scale;
};

// Where position i of the result lies on the axis of the input. In f32, as other programs compute
// it: which pixel is nearest to a position between two hangs on the last bit.
float source_of(const Rule& r, const AxisSize& a, int64_t i) {
  const auto at = float(i), in = float(a.in);
  if (r.coordinates == "asymmetric") return at / a.scale;
  if (r.coordinates == "half_pixel") return (at + 0.5F) / a.scale - 0.5F;
  if (r.coordinates == "pytorch_half_pixel") return a.out > 1 ? (at + 0.5F) / a.scale - 0.5F : 0;
  if (r.coordinates == "align_corners") return a.out > 1 ? at * (in - 1) / (a.scale * in - 1) : 0;
  if (r.coordinates == "half_pixel_symmetric") {
    const float adjustment = float(a.out) / (a.scale * in);
    return in / 2 * (1 - adjustment) + (at + 0.5F) / a.scale - 0.5F;
  }
  throw Unsupported("coordinate_transformation_mode = " + r.coordinates);
}

int64_t nearest_to(const Rule& r, float x) {
  if (r.nearest == "floor") return int64_t(std::floor(x));
  if (r.nearest == "ceil") return int64_t(std::ceil(x));
  if (r.nearest == "round_prefer_floor") return int64_t(std::ceil(x - 0.5F));
  if (r.nearest == "round_prefer_ceil") return int64_t(std::floor(x + 0.5F));
  throw Unsupported("nearest_mode = " + r.nearest);
}

// The kernel at distance x: a triangle, or Keys' cubic (1981).
double kernel(const Rule& r, double x) {
  x = std::abs(x);
  if (r.mode == "linear") return std::max(0.0, 1 - x);
  const double a = r.cubic;
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a;
  return 0;
}

// (out, in); rows add up to 1. Positions beyond the edge show the edge, or are left out.
Tensor weights_of(const Rule& r, const AxisSize& a) {
  if (a.out > (int64_t(1) << 26) / a.in)
    throw Unsupported(fmt::format("{} positions from {}", a.out, a.in));
  Tensor w = Tensor::empty({a.out, a.in});
  auto data = w.mutable_data<float>();
  std::ranges::fill(data, 0.f);
  const double widen = r.antialias ? std::max(1.0, 1 / double(a.scale)) : 1;
  const double reach = (r.mode == "linear" ? 1 : 2) * widen;
  for (int64_t i = 0; i < a.out; ++i) {
    const double at = source_of(r, a, i);
    const auto first = int64_t(std::floor(at - reach)), last = int64_t(std::ceil(at + reach));
    std::vector<double> row(static_cast<size_t>(a.in), 0.0);
    double sum = 0;
    for (int64_t k = first; k <= last; ++k) {
      const double v = kernel(r, (double(k) - at) / widen);
      if (v == 0 || (r.exclude_outside && (k < 0 || k >= a.in))) continue;
      row[size_t(std::clamp<int64_t>(k, 0, a.in - 1))] += v;
      sum += v;
    }
    for (int64_t k = 0; k < a.in; ++k) data[size_t(i * a.in + k)] = float(row[size_t(k)] / sum);
  }
  return w;
}

Tensor resize_axis(const Tensor& x, int axis, const Rule& r, const AxisSize& a) {
  if (r.mode == "nearest") {
    std::vector<int64_t> from;
    for (int64_t i = 0; i < a.out; ++i)
      from.push_back(std::clamp<int64_t>(nearest_to(r, source_of(r, a, i)), 0, a.in - 1));
    return take(x, Tensor::from<int64_t>(from, {a.out}), axis);
  }
  std::vector<int> swapped;
  for (int i = 0; i < x.rank(); ++i) swapped.push_back(i);
  std::swap(swapped[size_t(axis)], swapped.back());
  return transpose(matmul(transpose(x, swapped), weights_of(r, a), {.transpose_b = true}), swapped);
}

// Whether fovea's own resize of images does the same.
bool is_plain_bilinear(const Rule& r, const AxisSize& a) {
  if (r.mode != "linear" || r.antialias || r.exclude_outside) return false;
  const bool ours = r.coordinates == "align_corners" || r.coordinates == "half_pixel" ||
                    (r.coordinates == "pytorch_half_pixel" && a.out > 1);
  return ours && std::abs(a.scale * float(a.in) - float(a.out)) < 1e-6F * float(a.out);
}

// `sizes` by the file's axes.
Values resized(const Value& x, const Rule& r, const std::vector<AxisSize>& sizes) {
  if (!is_float(x.dtype()) && r.mode != "nearest")
    throw Unsupported("numbers of type " + std::string(name_of(x.dtype())));
  for (const AxisSize& a : sizes) {
    if (a.out < 1 || a.out > 1 << 20 || a.in < 1 || !(a.scale > 0))
      throw std::invalid_argument(fmt::format("{} positions of {}", a.out, a.in));
  }
  auto changes = [&](const AxisSize& a) { return a.out != a.in || a.scale != 1; };
  if (x.rank() == 4 && !changes(sizes[0]) && !changes(sizes[1]) && is_plain_bilinear(r, sizes[2]) &&
      is_plain_bilinear(r, sizes[3])) {
    const ResizeOptions o{.align_corners = r.coordinates == "align_corners"};
    return {{fovea::resize(x.images(), sizes[2].out, sizes[3].out, o), true}};
  }
  Tensor y = x.tensor;
  for (size_t i = 0; i < sizes.size(); ++i)
    if (changes(sizes[i])) y = resize_axis(y, x.axis(int64_t(i)), r, sizes[i]);
  return {{y, x.last}};
}

std::vector<AxisSize> by_scales(
    const Value& x, const std::vector<double>& scales, const std::vector<int64_t>& axes) {
  const Shape shape = x.shape();
  std::vector<AxisSize> sizes;
  for (int64_t n : shape) sizes.push_back({n, n, 1});
  if (scales.size() != axes.size()) throw std::invalid_argument("scales: one for each axis");
  for (size_t i = 0; i < axes.size(); ++i) {
    AxisSize& a = sizes[size_t(shape.normalize(int(axes[i])))];
    a.scale = float(scales[i]);
    const float out = std::floor(float(a.in) * a.scale);
    if (!(out >= 1 && out < 1 << 20))
      throw std::invalid_argument(fmt::format("a scale of {}", scales[i]));
    a.out = int64_t(out);
  }
  return sizes;
}

std::vector<int64_t> all_axes(const Value& x) {
  std::vector<int64_t> axes;
  for (int i = 0; i < x.rank(); ++i) axes.push_back(i);
  return axes;
}

std::vector<AxisSize> by_sizes(
    const Call& c, const std::vector<int64_t>& asked, const std::vector<int64_t>& axes) {
  const Shape shape = c[0].shape();
  if (asked.size() != axes.size()) throw std::invalid_argument("sizes: one for each axis");
  std::vector<AxisSize> sizes;
  for (int64_t n : shape) sizes.push_back({n, n, 1});
  const std::string policy = c.text("keep_aspect_ratio_policy", "stretch");
  if (policy != "stretch" && policy != "not_larger" && policy != "not_smaller")
    throw Unsupported("keep_aspect_ratio_policy = " + policy);
  float common = 0;
  for (size_t i = 0; i < axes.size(); ++i) {
    AxisSize& a = sizes[size_t(shape.normalize(int(axes[i])))];
    a.out = asked[i];
    a.scale = float(a.out) / float(std::max<int64_t>(1, a.in));
    common = i == 0                   ? a.scale
             : policy == "not_larger" ? std::min(common, a.scale)
                                      : std::max(common, a.scale);
  }
  if (policy != "stretch")
    for (int64_t axis : axes) {
      AxisSize& a = sizes[size_t(shape.normalize(int(axis)))];
      a.scale = common;
      a.out = int64_t(std::floor(common * float(a.in) + 0.5F));
    }
  return sizes;
}

Values resize_images(const Call& c) {
  Rule r{
      .mode = c.text("mode", "nearest"),
      .cubic = c.number("cubic_coeff_a", -0.75),
      .exclude_outside = c.integer("exclude_outside", 0) != 0,
      .antialias = c.integer("antialias", 0) != 0};
  if (r.mode != "nearest" && r.mode != "linear" && r.mode != "cubic")
    throw Unsupported("mode = " + r.mode);
  if (c.opset < 11) return resized(c[0], r, by_scales(c[0], c.numbers(1), all_axes(c[0])));
  r.coordinates = c.text("coordinate_transformation_mode", "half_pixel");
  r.nearest = c.text("nearest_mode", "round_prefer_floor");
  const auto axes = c.given("axes") ? c.integers("axes") : all_axes(c[0]);
  if (c.has(3)) return resized(c[0], r, by_sizes(c, c.held(3), axes));
  return resized(c[0], r, by_scales(c[0], c.numbers(2), axes));
}

Values upsample(const Call& c) {
  Rule r{.mode = c.text("mode", "nearest")};
  if (r.mode != "nearest" && r.mode != "linear") throw Unsupported("mode = " + r.mode);
  std::vector<double> scales;
  if (c.opset >= 9) {
    scales = c.numbers(1);
  } else {
    auto it = c.node.attributes.find("scales");
    if (it == c.node.attributes.end()) throw Unsupported("versions before 7");
    scales.assign(it->second.numbers.begin(), it->second.numbers.end());
  }
  return resized(c[0], r, by_scales(c[0], scales, all_axes(c[0])));
}

}  // namespace

std::vector<Operator> resize_operators() {
  return {
      {"Resize",
       resize_images,
       "antialias axes coordinate_transformation_mode cubic_coeff_a exclude_outside "
       "extrapolation_value keep_aspect_ratio_policy mode nearest_mode",
       10},
      {"Upsample", upsample, "mode scales", 7},
  };
}

}  // namespace fovea::onnx
