#include "fovea/ops/create.h"

#include <algorithm>

#include "fovea/ops/operands.h"
#include "fovea/ops/shape.h"

namespace fovea {

Tensor full(const Shape& shape, double value, Dtype dtype, Device d) {
  Tensor t = Tensor::empty(shape, dtype, d);
  visit_dtype(dtype, [&]<class T>() { std::ranges::fill(t.mutable_data<T>(), T(value)); });
  return t;
}

Tensor zeros(const Shape& shape, Dtype dtype, Device d) { return full(shape, 0, dtype, d); }
Tensor ones(const Shape& shape, Dtype dtype, Device d) { return full(shape, 1, dtype, d); }

Tensor full_like(const Tensor& t, double value) {
  return broadcast_to(scalar_like(t, value), t.shape());
}

Tensor arange(int64_t n, Dtype dtype, Device d) {
  Tensor t = Tensor::empty({n}, dtype, d);
  visit_dtype(dtype, [&]<class T>() {
    auto out = t.mutable_data<T>();
    for (int64_t i = 0; i < n; ++i) out[size_t(i)] = T(double(i));
  });
  return t;
}

Tensor eye(int64_t n, Dtype dtype, Device d) {
  Tensor t = zeros({n, n}, dtype, d);
  visit_dtype(dtype, [&]<class T>() {
    auto out = t.mutable_data<T>();
    for (int64_t i = 0; i < n; ++i) out[size_t(i * n + i)] = T(1.0);
  });
  return t;
}

}  // namespace fovea
