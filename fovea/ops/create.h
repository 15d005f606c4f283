#pragma once

#include "fovea/core/primitive.h"

// Tensors made from nothing: filled leaves.
namespace fovea {

Tensor full(
    const Shape& shape, double value, Dtype dtype = Dtype::f32, Device d = default_device());
Tensor zeros(const Shape& shape, Dtype dtype = Dtype::f32, Device d = default_device());
Tensor ones(const Shape& shape, Dtype dtype = Dtype::f32, Device d = default_device());

// A scalar broadcast to the shape, dtype and device of t.
Tensor full_like(const Tensor& t, double value);

Tensor arange(
    int64_t n, Dtype dtype = Dtype::f32, Device d = default_device());         // 0, 1, ..., n - 1
Tensor eye(int64_t n, Dtype dtype = Dtype::f32, Device d = default_device());  // (n, n)

}  // namespace fovea
