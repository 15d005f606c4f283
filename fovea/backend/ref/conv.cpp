#include "fovea/backend/ref/conv.h"

#include <algorithm>
#include <vector>

#include "fovea/backend/ref/ref.h"
#include "fovea/ops/conv.h"

namespace fovea::ref {

namespace {

// Calls f(i, j, k) for every product x[i] w[j] that is part of the sum y[k]: the whole definition
// of convolution, and of its gradients.
template <class F>
void for_each_product(const ConvExtents& e, F&& f) {
  const int64_t in = e.in / e.groups, out = e.out / e.groups;  // channels of one group
  for (int64_t n = 0; n < e.n; ++n)
    for (int64_t i = 0; i < e.ho; ++i)
      for (int64_t j = 0; j < e.wo; ++j)
        for (int64_t p = 0; p < e.kh; ++p)
          for (int64_t q = 0; q < e.kw; ++q) {
            const int64_t row = e.down.first(i) + p * e.down.dilation;
            const int64_t column = e.right.first(j) + q * e.right.dilation;
            if (row < 0 || row >= e.h || column < 0 || column >= e.w) continue;
            const int64_t pixel = (n * e.h + row) * e.w + column;
            const int64_t result = (n * e.ho + i) * e.wo + j;
            for (int64_t o = 0; o < e.out; ++o)
              for (int64_t c = 0; c < in; ++c)
                f(size_t(pixel * e.in + o / out * in + c),
                  size_t(((o * e.kh + p) * e.kw + q) * in + c),
                  size_t(result * e.out + o));
          }
}

template <class T>
void store(const std::vector<double>& sums, std::span<T> to) {
  std::ranges::transform(sums, to.begin(), [](double s) { return T(s); });
}

}  // namespace

void conv_forward(
    const Primitive& primitive, std::span<const Tensor> in, std::span<Tensor> out, Run&) {
  const auto& op = static_cast<const ConvFwd&>(primitive);
  visit_real(out[0].dtype(), [&]<class T>() {
    auto x = in[0].data<T>(), w = in[1].data<T>();
    auto y = out[0].mutable_data<T>();
    const ConvExtents e = op.extents(in);
    std::vector<double> sums(y.size(), 0);
    if (op.has_bias(in))
      for (size_t k = 0; k < sums.size(); ++k) sums[k] = in[2].data<T>()[k % size_t(e.out)];
    if (op.residual())
      for (size_t k = 0; k < sums.size(); ++k) sums[k] += in.back().data<T>()[k];
    for_each_product(
        e, [&](size_t i, size_t j, size_t k) { sums[k] += double(x[i]) * double(w[j]); });
    if (op.relu())
      for (double& s : sums) s = s <= 0 ? 0 : s;
    store(sums, y);
  });
}

void conv_backward_data(
    const Primitive& primitive, std::span<const Tensor> in, std::span<Tensor> out, Run&) {
  const auto& op = static_cast<const ConvBwdData&>(primitive);
  visit_real(out[0].dtype(), [&]<class T>() {
    auto dy = in[0].data<T>(), w = in[1].data<T>();
    auto dx = out[0].mutable_data<T>();
    std::vector<double> sums(dx.size(), 0);
    for_each_product(op.extents(in), [&](size_t i, size_t j, size_t k) {
      sums[i] += double(dy[k]) * double(w[j]);
    });
    store(sums, dx);
  });
}

void conv_backward_weights(
    const Primitive& primitive, std::span<const Tensor> in, std::span<Tensor> out, Run&) {
  const auto& op = static_cast<const ConvBwdWeights&>(primitive);
  visit_real(out[0].dtype(), [&]<class T>() {
    auto x = in[0].data<T>(), dy = in[1].data<T>();
    auto dw = out[0].mutable_data<T>();
    const ConvExtents e = op.extents(in);
    std::vector<double> sums(dw.size(), 0);
    for_each_product(
        e, [&](size_t i, size_t j, size_t k) { sums[j] += double(x[i]) * double(dy[k]); });
    store(sums, dw);
    if (!op.bias()) return;
    std::vector<double> bias(size_t(e.out), 0);
    for (size_t k = 0; k < dy.size(); ++k) bias[k % size_t(e.out)] += double(dy[k]);
    store(bias, out[1].mutable_data<T>());
  });
}

void register_conv(KernelTable& table) {
  table.add<ConvFwd>(Device::ref, conv_forward);
  table.add<ConvBwdData>(Device::ref, conv_backward_data);
  table.add<ConvBwdWeights>(Device::ref, conv_backward_weights);
}

}  // namespace fovea::ref
