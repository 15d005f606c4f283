#include "fovea/ops/matmul.h"

#include "fovea/backend/ref/index.h"
#include "fovea/backend/ref/matmul.h"
#include "fovea/backend/ref/ref.h"

namespace fovea::ref {

void matmul(const Primitive& primitive, std::span<const Tensor> in, std::span<Tensor> out, Run&) {
  const auto& p = static_cast<const Matmul&>(primitive);
  const auto extents = p.extents(in);
  const int64_t m = extents.m, k = extents.k, n = extents.n;
  const bool ta = p.options().transpose_a, tb = p.options().transpose_b;
  const Shape batch = batch_shape(out[0].shape());
  const Index sa = broadcast_strides(batch_shape(in[0].shape()), batch);
  const Index sb = broadcast_strides(batch_shape(in[1].shape()), batch);
  visit_real(out[0].dtype(), [&]<class T>() {
    auto a = in[0].data<T>(), b = in[1].data<T>();
    auto y = out[0].mutable_data<T>();
    for_each(batch, [&](int64_t position, const Index& index) {
      const int64_t a0 = offset_of(index, sa, batch.rank()) * m * k;
      const int64_t b0 = offset_of(index, sb, batch.rank()) * k * n;
      for (int64_t i = 0; i < m; ++i)
        for (int64_t j = 0; j < n; ++j) {
          double sum = in.size() > 2 ? double(in[2].data<T>()[size_t(j)]) : 0;
          for (int64_t l = 0; l < k; ++l)
            sum += double(a[size_t(a0 + (ta ? l * m + i : i * k + l))]) *
                   double(b[size_t(b0 + (tb ? j * k + l : l * n + j))]);
          y[size_t((position * m + i) * n + j)] = T(sum);
        }
    });
  });
}

void register_matmul(KernelTable& table) { table.add<Matmul>(Device::ref, matmul); }

}  // namespace fovea::ref
