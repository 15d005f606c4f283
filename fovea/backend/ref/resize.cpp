#include "fovea/backend/ref/resize.h"

#include "fovea/backend/ref/ref.h"
#include "fovea/ops/resize.h"

namespace fovea::ref {

namespace {

// Output pixel (i, j) is the sum of rows[i] x columns[j] weighted input pixels.
void apply(const AxisWeights& rows, const AxisWeights& columns, const Tensor& in, Tensor& out) {
  int64_t height = in.dim(1), width = in.dim(2), channels = in.dim(3);
  visit_real(in.dtype(), [&]<class T>() {
    auto x = in.data<T>();
    auto y = out.mutable_data<T>();
    size_t at = 0;
    for (int64_t n = 0; n < out.dim(0); ++n)
      for (int64_t i = 0; i < out.dim(1); ++i)
        for (int64_t j = 0; j < out.dim(2); ++j)
          for (int64_t c = 0; c < channels; ++c) {
            double sum = 0;
            for (int32_t p = rows.row[size_t(i)]; p < rows.row[size_t(i) + 1]; ++p)
              for (int32_t q = columns.row[size_t(j)]; q < columns.row[size_t(j) + 1]; ++q) {
                int64_t row = rows.from[size_t(p)], column = columns.from[size_t(q)];
                double weight = double(rows.weight[size_t(p)]) * columns.weight[size_t(q)];
                int64_t from = ((n * height + row) * width + column) * channels + c;
                sum += weight * double(x[size_t(from)]);
              }
            y[at++] = T(sum);
          }
  });
}

}  // namespace

void resize(const Primitive& primitive, std::span<const Tensor> in, std::span<Tensor> out, Run&) {
  const auto& o = static_cast<const Resize&>(primitive).options();
  AxisWeights rows = axis_weights(in[0].dim(1), out[0].dim(1), o);
  AxisWeights columns = axis_weights(in[0].dim(2), out[0].dim(2), o);
  apply(rows, columns, in[0], out[0]);
}

void resize_grad(
    const Primitive& primitive, std::span<const Tensor> in, std::span<Tensor> out, Run&) {
  const auto& o = static_cast<const ResizeGrad&>(primitive).options();
  int64_t height = out[0].dim(1), width = out[0].dim(2);
  AxisWeights rows = transposed(axis_weights(height, in[0].dim(1), o), height);
  AxisWeights columns = transposed(axis_weights(width, in[0].dim(2), o), width);
  apply(rows, columns, in[0], out[0]);
}

void register_resize(KernelTable& table) {
  table.add<Resize>(Device::ref, resize);
  table.add<ResizeGrad>(Device::ref, resize_grad);
}

}  // namespace fovea::ref
