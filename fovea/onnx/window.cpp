#include "fovea/onnx/window.h"

#include <algorithm>

#include <fmt/format.h>

#include "fovea/ops/shape.h"

namespace fovea::onnx {

Tensor images_of(const Call& c, size_t i, const char* what) {
  const Value& v = c[i];
  if (v.rank() == 4) return v.images();
  if (v.rank() != 3)
    throw Unsupported(fmt::format("{} of {} axes; fovea has images, of 4", what, v.rank()));
  const Shape s = v.shape();
  return to_last(reshape(v.tensor, Shape{s[0], s[1], 1, s[2]}));
}

Value images_like_input(const Call& c, const Tensor& images) {
  if (c[0].rank() == 4) return {images, true};
  const Tensor first = to_first(images);
  const Shape& s = first.shape();
  return {reshape(first, Shape{s[0], s[1], s[3]})};
}

std::array<int64_t, 2> pair_of(const Call& c, const char* attribute, int64_t otherwise) {
  const auto v = c.integers(attribute);
  if (v.empty()) return {otherwise, otherwise};
  const size_t expected = size_t(c[0].rank() - 2);
  if (v.size() != expected)
    throw std::invalid_argument(
        fmt::format("{}: expected {} numbers, got {}", attribute, expected, v.size()));
  constexpr int64_t most = 1 << 20;
  for (int64_t n : v)
    if (n < 0 || n > most) throw std::invalid_argument(fmt::format("{} of {}", attribute, n));
  return v.size() == 1 ? std::array{otherwise, v[0]} : std::array{v[0], v[1]};
}

SlidingWindow sliding_window(
    const Call& c, std::array<int64_t, 2> kernel, std::array<int64_t, 2> size) {
  SlidingWindow w;
  const bool in_a_row = c[0].rank() == 3;
  w.kernel = c.given("kernel_shape") ? pair_of(c, "kernel_shape", 1) : kernel;
  if (kernel[0] > 0 && w.kernel != kernel)
    throw std::invalid_argument("kernel_shape differs from the weights");
  w.stride = pair_of(c, "strides", 1);
  w.dilation = pair_of(c, "dilations", 1);
  for (int64_t n : {w.kernel[0], w.kernel[1], w.stride[0], w.stride[1], w.dilation[0]})
    if (n < 1) throw std::invalid_argument("kernel, strides and dilations must be positive");
  w.pad = {0, 0, 0, 0};
  const std::string mode = c.text("auto_pad", "NOTSET");
  if (mode == "SAME_UPPER" || mode == "SAME_LOWER") {
    for (size_t i = 0; i < 2; ++i) {
      const int64_t count = (size[i] + w.stride[i] - 1) / w.stride[i];
      const int64_t extent = w.dilation[i] * (w.kernel[i] - 1) + 1;
      const int64_t total = std::max<int64_t>(0, (count - 1) * w.stride[i] + extent - size[i]);
      const int64_t before = mode == "SAME_UPPER" ? total / 2 : total - total / 2;
      w.pad[2 * i] = before;
      w.pad[2 * i + 1] = total - before;
    }
  } else if (mode == "NOTSET" || mode.empty()) {
    const auto pads = c.integers("pads");
    const size_t axes = in_a_row ? 1 : 2;
    if (!pads.empty() && pads.size() != 2 * axes)
      throw std::invalid_argument(
          fmt::format("pads: expected {} numbers, got {}", 2 * axes, pads.size()));
    for (size_t i = 0; i < pads.size(); ++i) {
      if (pads[i] < 0) throw Unsupported("negative pads");
      if (pads[i] > 1 << 20) throw std::invalid_argument(fmt::format("pads of {}", pads[i]));
      w.pad[2 * (i % axes + 2 - axes) + i / axes] = pads[i];
    }
  } else if (mode != "VALID") {
    throw Unsupported("auto_pad = " + mode);
  }
  return w;
}

}  // namespace fovea::onnx
