#include "fovea/ops/pool.h"

#include <algorithm>
#include <limits>

#include "fovea/onnx/window.h"
#include "fovea/ops/create.h"
#include "fovea/ops/elementwise.h"
#include "fovea/ops/pad.h"
#include "fovea/ops/reduce.h"
#include "fovea/ops/shape.h"
#include "fovea/ops/slice.h"

namespace fovea::onnx {

namespace {

using Values = std::vector<Value>;

SlidingWindow window_of(const Call& c, const Tensor& x) {
  if (!is_float(x.dtype())) throw Unsupported("numbers of type " + std::string(name_of(x.dtype())));
  return sliding_window(c, {0, 0}, {x.dim(1), x.dim(2)});
}

bool is_dense(const SlidingWindow& w) { return w.dilation == std::array<int64_t, 2>{1, 1}; }

Pool2dOptions options_of(const Call& c, const SlidingWindow& w) {
  Pool2dOptions o;
  for (size_t i = 0; i < 2; ++i) {
    o.kernel[i] = int(w.kernel[i]);
    o.stride[i] = int(w.stride[i]);
  }
  for (size_t i = 0; i < 4; ++i) {
    o.pad[i] = int(w.pad[i]);
    if (w.pad[i] >= w.kernel[i / 2]) throw Unsupported("pads as large as the kernel");
  }
  if (c.integer("ceil_mode", 0) != 0) o.rounding = Rounding::ceil;
  return o;
}

// Where each maximum lies: ((n C + c) H + row) W + column.
Value indices_of(const Call& c, const Tensor& index, const Shape& x) {
  Tensor start = reshape(arange(x[0] * x[3], Dtype::i64), Shape{x[0], 1, 1, x[3]});
  return images_like_input(c, cast(index, Dtype::i64) + start * double(x[1] * x[2]));
}

// The largest of the pixels that a window with gaps reads: of one image for each of them.
Tensor max_with_gaps(const Tensor& x, const SlidingWindow& w, Rounding rounding) {
  constexpr int64_t most = 1024;
  if (w.kernel[0] > most || w.kernel[1] > most || w.kernel[0] * w.kernel[1] > most)
    throw Unsupported("dilations of so large a kernel");
  std::array<int64_t, 2> count;
  std::array<PadWidth, 2> pads;
  for (size_t i = 0; i < 2; ++i) {
    const int64_t size = x.dim(int(i) + 1);
    const Window along{w.kernel[i], w.stride[i], w.pad[2 * i], w.pad[2 * i + 1], w.dilation[i]};
    count[i] = window_count(size, along, rounding, "MaxPool", i == 0 ? "height" : "width");
    const int64_t end = along.first(count[i] - 1) + along.extent();
    pads[i] = {along.before, std::max<int64_t>(0, end - size)};
  }
  const Tensor padded =
      pad2d(x, pads[0], pads[1], {.value = -std::numeric_limits<double>::infinity()});
  auto taps = [&](size_t i, int64_t tap) {
    const int64_t start = tap * w.dilation[i];
    return Range{start, start + (count[i] - 1) * w.stride[i] + 1, w.stride[i]};
  };
  Tensor y;
  for (int64_t row = 0; row < w.kernel[0]; ++row)
    for (int64_t column = 0; column < w.kernel[1]; ++column) {
      const Tensor read = slice(padded, {Range{}, taps(0, row), taps(1, column)});
      y = y.is_empty() ? read : maximum(y, read);
    }
  return y;
}

Values max_pool(const Call& c) {
  const Tensor x = images_of(c, 0, "an input");
  const SlidingWindow w = window_of(c, x);
  const Pool2dOptions o = options_of(c, w);
  if (!is_dense(w)) {
    if (c.wants(1)) throw Unsupported("indices of dilations");
    return {images_like_input(c, max_with_gaps(x, w, o.rounding))};
  }
  if (!c.wants(1)) return {images_like_input(c, max_pool2d(x, o))};
  if (c.integer("storage_order", 0) != 0) throw Unsupported("storage_order");
  const MaxPooled r = max_pool2d_with_index(x, o);
  return {images_like_input(c, r.y), indices_of(c, r.index, x.shape())};
}

Values average_pool(const Call& c) {
  const Tensor x = images_of(c, 0, "an input");
  const SlidingWindow w = window_of(c, x);
  if (!is_dense(w)) throw Unsupported("dilations");
  Pool2dOptions o = options_of(c, w);
  o.count_include_pad = c.integer("count_include_pad", 0) != 0;
  return {images_like_input(c, avg_pool2d(x, o))};
}

template <Tensor (*f)(const Tensor&, std::vector<int>, const ReduceOptions&)>
Values global(const Call& c) {
  if (c[0].rank() < 3) throw std::invalid_argument("expected at least 3 axes");
  std::vector<int> axes;
  for (int i = 2; i < c[0].rank(); ++i) axes.push_back(c[0].axis(i));
  return {{f(c[0].tensor, axes, {.keep = true}), c[0].last}};
}

}  // namespace

std::vector<Operator> pool_operators() {
  return {
      {"MaxPool", max_pool, "auto_pad ceil_mode dilations kernel_shape pads storage_order strides"},
      {"AveragePool",
       average_pool,
       "auto_pad ceil_mode count_include_pad dilations kernel_shape pads strides"},
      {"GlobalAveragePool", global<mean>},
      {"GlobalMaxPool", global<max>},
  };
}

}  // namespace fovea::onnx
