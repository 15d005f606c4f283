#include "fovea/ops/reduce.h"

#include <algorithm>
#include <memory>
#include <type_traits>
#include <vector>

#include "fovea/backend/ref/index.h"
#include "fovea/backend/ref/reduce.h"
#include "fovea/backend/ref/ref.h"

namespace fovea::ref {

void reduce(const Primitive& primitive, std::span<const Tensor> in, std::span<Tensor> out, Run&) {
  ReduceOp op = static_cast<const Reduce&>(primitive).op();
  const Shape& from = in[0].shape();
  Index strides = broadcast_strides(out[0].shape(), from);
  visit_dtype(in[0].dtype(), [&]<class T>() {
    auto x = in[0].data<T>();
    auto at = [&](const Index& index) { return size_t(offset_of(index, strides, from.rank())); };
    if (op == ReduceOp::sum) {
      using Sum = std::conditional_t<std::is_integral_v<T>, int64_t, double>;
      std::vector<Sum> sums(size_t(out[0].numel()), Sum(0));
      for_each(from, [&](int64_t i, const Index& index) { sums[at(index)] += Sum(x[size_t(i)]); });
      visit_dtype(out[0].dtype(), [&]<class R>() {
        std::ranges::transform(sums, out[0].mutable_data<R>().begin(), [](Sum s) { return R(s); });
      });
      return;
    }
    auto y = out[0].mutable_data<T>();
    std::vector<char> seen(y.size(), 0);
    for_each(from, [&](int64_t i, const Index& index) {
      size_t k = at(index);
      T v = x[size_t(i)];
      bool better = op == ReduceOp::max ? v > y[k] : v < y[k];
      if (!seen[k] || better || v != v) y[k] = v;  // a NaN wins and stays
      seen[k] = 1;
    });
  });
}

namespace {

void arg_reduce_kernel(
    const Primitive& primitive, std::span<const Tensor> in, std::span<Tensor> out, Run&) {
  const auto& p = static_cast<const ArgReduce&>(primitive);
  const Shape& from = in[0].shape();
  Index strides = broadcast_strides(out[0].shape(), from);
  auto y = out[0].mutable_data<int32_t>();
  visit_dtype(in[0].dtype(), [&]<class T>() {
    auto x = in[0].data<T>();
    auto best = std::make_unique<T[]>(y.size());
    for_each(from, [&](int64_t i, const Index& index) {
      auto k = size_t(offset_of(index, strides, from.rank()));
      auto position = int32_t(index[size_t(p.axis())]);
      T v = x[size_t(i)];
      if (position == 0 || (p.largest() ? v > best[k] : v < best[k])) {
        best[k] = v;
        y[k] = position;
      }
    });
  });
}

}  // namespace

void register_reduce(KernelTable& table) {
  table.add<Reduce>(Device::ref, reduce);
  table.add<ArgReduce>(Device::ref, arg_reduce_kernel);
}

}  // namespace fovea::ref
