#include <algorithm>

#include <fmt/format.h>

#include "fovea/onnx/window.h"
#include "fovea/ops/conv.h"
#include "fovea/ops/elementwise.h"

namespace fovea::onnx {

namespace {

using Values = std::vector<Value>;

Conv2dOptions options_of(const Call& c, const SlidingWindow& w) {
  Conv2dOptions o;
  for (size_t i = 0; i < 2; ++i) {
    o.stride[i] = int(w.stride[i]);
    o.dilation[i] = int(w.dilation[i]);
  }
  for (size_t i = 0; i < 4; ++i) o.pad[i] = int(w.pad[i]);
  const int64_t groups = c.integer("group", 1);
  if (groups < 1 || groups > 1 << 20)
    throw std::invalid_argument(fmt::format("group of {}", groups));
  o.groups = int(groups);
  return o;
}

Values conv(const Call& c) {
  const Tensor x = images_of(c, 0, "an input"), weights = images_of(c, 1, "weights");
  const SlidingWindow w = sliding_window(c, {weights.dim(1), weights.dim(2)}, {x.dim(1), x.dim(2)});
  const Conv2dOptions o = options_of(c, w);
  return {
      images_like_input(c, c.has(2) ? conv2d(x, weights, c[2].tensor, o) : conv2d(x, weights, o))};
}

// Padding of a transposed convolution takes away from the result, and output_padding adds to it.
Values conv_transpose(const Call& c) {
  const Tensor x = images_of(c, 0, "an input"), weights = images_of(c, 1, "weights");
  const std::array<int64_t, 2> kernel{weights.dim(1), weights.dim(2)};
  SlidingWindow w = sliding_window(c, kernel, {x.dim(1), x.dim(2)});
  const auto extra = pair_of(c, "output_padding", 0);
  const std::string mode = c.text("auto_pad", "NOTSET");
  const bool same = mode == "SAME_UPPER" || mode == "SAME_LOWER";
  auto asked = c.integers("output_shape");
  if (asked.size() == size_t(c[0].rank())) asked.erase(asked.begin(), asked.begin() + 2);
  if (!asked.empty() && asked.size() != size_t(c[0].rank() - 2))
    throw std::invalid_argument("output_shape: expected a number for each spatial axis");
  if (asked.size() == 1) asked.insert(asked.begin(), 1);
  std::array<int64_t, 2> size;
  for (size_t i = 0; i < 2; ++i) {
    const int64_t whole =
        w.stride[i] * (x.dim(int(i) + 1) - 1) + extra[i] + w.dilation[i] * (w.kernel[i] - 1) + 1;
    if (!asked.empty() || same) {
      size[i] = !asked.empty() ? asked[i] : x.dim(int(i) + 1) * w.stride[i];
      const int64_t total = std::max<int64_t>(0, whole - size[i]);
      const int64_t before = mode == "SAME_UPPER" ? total / 2 : total - total / 2;
      w.pad[2 * i] = before;
      w.pad[2 * i + 1] = total - before;
    } else {
      size[i] = whole - w.pad[2 * i] - w.pad[2 * i + 1];
    }
    if (size[i] < 1) throw std::invalid_argument("the padding leaves nothing of the result");
  }
  const Conv2dOptions o = options_of(c, w);
  const Shape shape{x.dim(0), size[0], size[1], weights.dim(3) * o.groups};
  for (int i = 0; i < 2; ++i) {
    const int64_t extent = w.dilation[size_t(i)] * (w.kernel[size_t(i)] - 1) + 1;
    const int64_t room = size[size_t(i)] + w.pad[size_t(2 * i)] + w.pad[size_t(2 * i + 1)] - extent;
    if (room < 0 || room / w.stride[size_t(i)] + 1 != x.dim(i + 1))
      throw Unsupported("output_padding as large as the stride");
  }
  Tensor y = conv2d_transpose(x, weights, shape, o);
  if (c.has(2)) y = y + c[2].tensor;
  return {images_like_input(c, y)};
}

}  // namespace

std::vector<Operator> convolution_operators() {
  return {
      {"Conv", conv, "auto_pad dilations group kernel_shape pads strides"},
      {"ConvTranspose",
       conv_transpose,
       "auto_pad dilations group kernel_shape output_padding output_shape pads strides"},
  };
}

}  // namespace fovea::onnx
