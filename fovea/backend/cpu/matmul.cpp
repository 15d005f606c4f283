#include "fovea/ops/matmul.h"

#include <algorithm>

#include "fovea/backend/cpu/cpu.h"
#include "fovea/backend/cpu/engine.h"
#include "fovea/backend/cpu/implementation.h"
#include "fovea/backend/ref/index.h"
#include "fovea/backend/ref/matmul.h"

namespace fovea::cpu {

namespace {

Product product_of(const Matmul& p, std::span<const Tensor> in) {
  auto [m, k, n] = p.extents(in);
  return {
      .m = m,
      .k = k,
      .n = n,
      .transpose_a = p.options().transpose_a,
      .transpose_b = p.options().transpose_b,
      .bias = in.size() > 2};
}

// Whether one call can run every product of the grid: each side has all matrices, or just one.
bool fits_one_call(Product& p, const Shape& a, const Shape& b, const Shape& grid) {
  p.batch = grid.numel();
  p.a_shared = a.numel() == 1;
  p.b_shared = b.numel() == 1;
  return (p.a_shared || a.numel() == p.batch) && (p.b_shared || b.numel() == p.batch);
}

void matmul_kernel(
    const Primitive& primitive, std::span<const Tensor> in, std::span<Tensor> out, Run& run) {
  const auto& op = static_cast<const Matmul&>(primitive);
  Product p = product_of(op, in);
  if (out[0].dtype() != Dtype::f32 || p.k == 0) return ref::matmul(primitive, in, out, run);
  if (out[0].numel() == 0) return;
  const float *a = in[0].data<float>().data(), *b = in[1].data<float>().data();
  const float* bias = p.bias ? in[2].data<float>().data() : nullptr;
  float* y = out[0].mutable_data<float>().data();

  const Shape grid = batch_shape(out[0].shape());
  const Shape ga = batch_shape(in[0].shape()), gb = batch_shape(in[1].shape());
  if (fits_one_call(p, ga, gb, grid)) return multiply(p, a, b, bias, y, run);
  p.batch = 1;
  const ref::Index sa = ref::broadcast_strides(ga, grid), sb = ref::broadcast_strides(gb, grid);
  ref::for_each(grid, [&](int64_t position, const ref::Index& index) {
    multiply(
        p,
        a + ref::offset_of(index, sa, grid.rank()) * p.m * p.k,
        b + ref::offset_of(index, sb, grid.rank()) * p.k * p.n,
        bias,
        y + position * p.m * p.n,
        run);
  });
}

int64_t matmul_scratch(const Primitive& primitive, std::span<const Tensor> in) {
  const auto& op = static_cast<const Matmul&>(primitive);
  Product p = product_of(op, in);
  const Spec y = op.infer(in)[0];
  if (y.dtype != Dtype::f32 || p.k == 0 || y.shape.numel() == 0) return 0;
  const Shape grid = batch_shape(y.shape);
  if (fits_one_call(p, batch_shape(in[0].shape()), batch_shape(in[1].shape()), grid))
    return scratch_of(p);
  p.batch = 1;
  return grid.numel() * scratch_of(p);
}

}  // namespace

std::string matmul_implementation(const Matmul& op, std::span<const Tensor> in) {
  Product p = product_of(op, in);
  Shape grid = batch_shape(op.infer(in)[0].shape);
  fits_one_call(p, batch_shape(in[0].shape()), batch_shape(in[1].shape()), grid);
  return implementation_of(p);
}

void register_matmul(KernelTable& table) {
  table.add<Matmul>(Device::cpu, matmul_kernel);
  table.add_scratch<Matmul>(Device::cpu, matmul_scratch);
}

}  // namespace fovea::cpu
