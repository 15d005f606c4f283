#include "fovea/backend/ref/gather.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <stdexcept>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "fovea/backend/ref/index.h"
#include "fovea/backend/ref/ref.h"
#include "fovea/ops/index.h"

namespace fovea::ref {

namespace {

// Adds src[i] to sums[at(index of i)] in double and rounds once.
template <class F>
void add_at(const Tensor& src, Tensor& out, F&& at) {
  visit_dtype(src.dtype(), [&]<class T>() {
    auto x = src.data<T>();
    std::vector<double> sums(size_t(out.numel()), 0);
    for_each(src.shape(), [&](int64_t i, const Index& index) {
      sums[size_t(at(i, index))] += double(x[size_t(i)]);
    });
    std::ranges::transform(sums, out.mutable_data<T>().begin(), [](double s) { return T(s); });
  });
}

// Where in `whole` gather reads for element i, at `where`, of its result.
auto gathered(const Shape& whole, std::span<const int32_t> index, int axis) {
  return [&whole, index, axis, strides = whole.strides()](int64_t i, Index where) {
    where[size_t(axis)] = index[size_t(i)];
    return offset_of(where, strides, whole.rank());
  };
}

// Where in `whole` take reads for element `where` of its result: the axes of `index` stand in for
// one.
auto taken(const Shape& whole, const Tensor& index, int axis) {
  return [&whole, &index, axis, strides = whole.strides()](int64_t, const Index& where) {
    auto index_strides = index.shape().strides();
    int64_t k = 0, at = 0;
    for (int i = 0; i < index.rank(); ++i) k += where[size_t(axis + i)] * index_strides[size_t(i)];
    for (int i = 0; i < whole.rank(); ++i) {
      int64_t position = i < axis    ? where[size_t(i)]
                         : i == axis ? index.data<int32_t>()[size_t(k)]
                                     : where[size_t(i + index.rank() - 1)];
      at += position * strides[size_t(i)];
    }
    return at;
  };
}

template <class F>
void copy_from(const Tensor& x, Tensor& y, F&& at) {
  size_t size = size_of(x.dtype());
  const std::byte* from = x.bytes().data();
  std::byte* to = y.mutable_bytes().data();
  for_each(y.shape(), [&](int64_t i, const Index& index) {
    std::memcpy(to + size_t(i) * size, from + size_t(at(i, index)) * size, size);
  });
}

void take(const Primitive& primitive, std::span<const Tensor> in, std::span<Tensor> out, Run&) {
  int axis = static_cast<const Take&>(primitive).axis();
  check_indices(in[1], in[0].shape()[axis]);
  copy_from(in[0], out[0], taken(in[0].shape(), in[1], axis));
}

void one_hot(const Primitive&, std::span<const Tensor> in, std::span<Tensor> out, Run&) {
  int64_t classes = out[0].shape().back();
  check_indices(in[0], classes);
  auto ids = in[0].data<int32_t>();
  visit_dtype(out[0].dtype(), [&]<class T>() {
    auto y = out[0].mutable_data<T>();
    std::ranges::fill(y, T(0));
    for (size_t i = 0; i < ids.size(); ++i) y[i * size_t(classes) + size_t(ids[i])] = T(1);
  });
}

// check_indices for indices of type T.
template <class T>
void check_all(const Tensor& index, int64_t extent) {
  auto values = index.data<T>();
  auto bad = std::ranges::find_if(values, [&](T k) { return k < 0 || k >= extent; });
  if (bad == values.end()) return;
  int64_t at = bad - values.begin();
  std::vector<int64_t> position;
  for (int i = 0; i < index.rank(); ++i)
    position.push_back(at / index.shape().strides()[size_t(i)] % index.shape()[i]);
  throw std::out_of_range(fmt::format(
      "expected indices within 0..{}, got {} at position ({})",
      extent - 1,
      *bad,
      fmt::join(position, ", ")));
}

void narrow_index(
    const Primitive& primitive, std::span<const Tensor> in, std::span<Tensor> out, Run&) {
  int64_t most = int64_t(std::numeric_limits<int32_t>::max()) + 1;
  check_all<int64_t>(in[0], std::min(static_cast<const NarrowIndex&>(primitive).extent(), most));
  std::ranges::transform(
      in[0].data<int64_t>(), out[0].mutable_data<int32_t>().begin(), [](int64_t k) {
        return int32_t(k);
      });
}

}  // namespace

void check_indices(const Tensor& index, int64_t extent) { check_all<int32_t>(index, extent); }

void gather(const Primitive& primitive, std::span<const Tensor> in, std::span<Tensor> out, Run&) {
  int axis = static_cast<const Gather&>(primitive).axis();
  check_indices(in[1], in[0].shape()[axis]);
  copy_from(in[0], out[0], gathered(in[0].shape(), in[1].data<int32_t>(), axis));
}

void gather_grad(
    const Primitive& primitive, std::span<const Tensor> in, std::span<Tensor> out, Run&) {
  int axis = static_cast<const GatherGrad&>(primitive).axis();
  check_indices(in[1], out[0].shape()[axis]);
  add_at(in[0], out[0], gathered(out[0].shape(), in[1].data<int32_t>(), axis));
}

void take_grad(
    const Primitive& primitive, std::span<const Tensor> in, std::span<Tensor> out, Run&) {
  int axis = static_cast<const TakeGrad&>(primitive).axis();
  check_indices(in[1], out[0].shape()[axis]);
  add_at(in[0], out[0], taken(out[0].shape(), in[1], axis));
}

void register_index(KernelTable& table) {
  table.add<Gather>(Device::ref, gather);
  table.add<GatherGrad>(Device::ref, gather_grad);
  table.add<Take>(Device::ref, take);
  table.add<TakeGrad>(Device::ref, take_grad);
  table.add<OneHot>(Device::ref, one_hot);
  table.add<NarrowIndex>(Device::ref, narrow_index);
}

}  // namespace fovea::ref
