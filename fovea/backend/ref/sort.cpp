#include "fovea/backend/ref/sort.h"

#include "fovea/backend/ref/ref.h"
#include "fovea/ops/sort.h"

namespace fovea::ref {

namespace {

void argsort_kernel(
    const Primitive& primitive, std::span<const Tensor> in, std::span<Tensor> out, Run&) {
  const auto& p = static_cast<const ArgSort&>(primitive);
  const Shape& shape = in[0].shape();
  if (shape.numel() == 0) return;
  int64_t n = shape[p.axis()], count = out[0].shape()[p.axis()];
  int64_t inner = shape.strides()[size_t(p.axis())], outer = shape.numel() / (n * inner);
  int32_t* y = out[0].mutable_data<int32_t>().data();
  visit_dtype(in[0].dtype(), [&]<class T>() {
    const T* x = in[0].data<T>().data();
    for (int64_t i = 0; i < outer; ++i)
      for (int64_t k = 0; k < inner; ++k) {
        int32_t* to = y + i * count * inner + k;
        argsort_row(x + i * n * inner + k, n, inner, p.descending(), to, count);
      }
  });
}

}  // namespace

void register_sort(KernelTable& table) { table.add<ArgSort>(Device::ref, argsort_kernel); }

}  // namespace fovea::ref
