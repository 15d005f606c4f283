#include "fovea/ops/pool.h"

#include "fovea/onnx/window.h"
#include "fovea/ops/create.h"
#include "fovea/ops/elementwise.h"
#include "fovea/ops/reduce.h"
#include "fovea/ops/shape.h"

namespace fovea::onnx {

namespace {

using Values = std::vector<Value>;

Pool2dOptions options_of(const Call& c, const Tensor& x) {
  if (!is_float(x.dtype())) throw Unsupported("numbers of type " + std::string(name_of(x.dtype())));
  const SlidingWindow w = sliding_window(c, {0, 0}, {x.dim(1), x.dim(2)});
  if (w.dilation != std::array<int64_t, 2>{1, 1}) throw Unsupported("dilations");
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

Values max_pool(const Call& c) {
  const Tensor x = images_of(c, 0, "an input");
  const Pool2dOptions o = options_of(c, x);
  if (!c.wants(1)) return {images_like_input(c, max_pool2d(x, o))};
  if (c.integer("storage_order", 0) != 0) throw Unsupported("storage_order");
  const MaxPooled r = max_pool2d_with_index(x, o);
  return {images_like_input(c, r.y), indices_of(c, r.index, x.shape())};
}

Values average_pool(const Call& c) {
  const Tensor x = images_of(c, 0, "an input");
  Pool2dOptions o = options_of(c, x);
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
