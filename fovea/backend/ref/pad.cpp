#include "fovea/ops/pad.h"

#include <algorithm>
#include <vector>

#include "fovea/backend/ref/index.h"
#include "fovea/backend/ref/ref.h"

namespace fovea::ref {

namespace {

// The position in `inner` that the padded position `index` shows; -1 for the constant.
int64_t source_of(
    PadMode mode, const std::vector<PadWidth>& widths, const Shape& inner, const Index& index) {
  auto strides = inner.strides();
  int64_t at = 0;
  for (size_t i = 0; i < widths.size(); ++i) {
    int64_t k = padded_source(mode, index[i], widths[i].before, inner[int(i)]);
    if (k < 0) return -1;
    at += k * strides[i];
  }
  return at;
}

void pad_kernel(
    const Primitive& primitive, std::span<const Tensor> in, std::span<Tensor> out, Run&) {
  const auto& p = static_cast<const Pad&>(primitive);
  visit_dtype(in[0].dtype(), [&]<class T>() {
    auto x = in[0].data<T>();
    auto y = out[0].mutable_data<T>();
    T value = T(p.options().value);
    for_each(out[0].shape(), [&](int64_t i, const Index& index) {
      int64_t from = source_of(p.options().mode, p.widths(), in[0].shape(), index);
      y[size_t(i)] = from < 0 ? value : x[size_t(from)];
    });
  });
}

void pad_grad_kernel(
    const Primitive& primitive, std::span<const Tensor> in, std::span<Tensor> out, Run&) {
  const auto& p = static_cast<const PadGrad&>(primitive);
  visit_dtype(in[0].dtype(), [&]<class T>() {
    auto dy = in[0].data<T>();
    std::vector<double> sums(size_t(out[0].numel()), 0);
    for_each(in[0].shape(), [&](int64_t i, const Index& index) {
      int64_t to = source_of(p.mode(), p.widths(), out[0].shape(), index);
      sums[size_t(to)] += double(dy[size_t(i)]);
    });
    std::ranges::transform(sums, out[0].mutable_data<T>().begin(), [](double s) { return T(s); });
  });
}

}  // namespace

void register_pad(KernelTable& table) {
  table.add<Pad>(Device::ref, pad_kernel);
  table.add<PadGrad>(Device::ref, pad_grad_kernel);
}

}  // namespace fovea::ref
