#include "fovea/backend/ref/pool.h"

#include <algorithm>
#include <stdexcept>
#include <vector>

#include <fmt/format.h>

#include "fovea/backend/ref/ref.h"
#include "fovea/ops/pool.h"

namespace fovea::ref {

namespace {

// Calls f(k, i, place) for every element i of the large image (N, H, W, C) inside the window of
// element k of the small one, with place = row * W + column.
template <class F>
void for_each_pair(const PoolGrid& g, int64_t n, int64_t channels, F&& f) {
  const auto rows = int64_t(g.rows.size()), columns = int64_t(g.columns.size());
  for (int64_t k = 0; k < n * rows * columns * channels; ++k) {
    const int64_t c = k % channels, j = k / channels % columns, i = k / channels / columns % rows;
    const int64_t image = k / channels / columns / rows;
    const PoolBin &down = g.rows[size_t(i)], &right = g.columns[size_t(j)];
    for (int64_t row = down.begin; row < down.end; ++row)
      for (int64_t column = right.begin; column < right.end; ++column) {
        const int64_t place = row * g.width + column;
        f(size_t(k), size_t((image * g.height * g.width + place) * channels + c), int32_t(place));
      }
  }
}

double count_of(const PoolGrid& g, size_t k, int64_t channels) {
  const size_t pixel = k / size_t(channels), columns = g.columns.size();
  return double(g.rows[pixel / columns % g.rows.size()].count * g.columns[pixel % columns].count);
}

// Calls f(k, i) for every element k of the small image and i, where its index points.
template <class F>
void for_each_index(const PoolGrid& g, const Tensor& index, F&& f) {
  auto places = index.data<int32_t>();
  const auto channels = size_t(index.dim(3)), pixels = size_t(g.height * g.width);
  const auto per_image = size_t(index.dim(1) * index.dim(2)) * channels;
  for (size_t k = 0; k < places.size(); ++k) {
    if (places[k] < 0 || size_t(places[k]) >= pixels)
      throw std::out_of_range(fmt::format(
          "expected indices below {} for {} x {} images, got {}",
          pixels,
          g.height,
          g.width,
          places[k]));
    f(k, (k / per_image * pixels + size_t(places[k])) * channels + k % channels);
  }
}

}  // namespace

void max_pool(const Primitive& primitive, std::span<const Tensor> in, std::span<Tensor> out, Run&) {
  const PoolGrid& g = static_cast<const Pool&>(primitive).grid();
  auto index = out[1].mutable_data<int32_t>();
  std::ranges::fill(index, -1);
  visit_real(in[0].dtype(), [&]<class T>() {
    auto x = in[0].data<T>();
    auto y = out[0].mutable_data<T>();
    for_each_pair(g, in[0].dim(0), in[0].dim(3), [&](size_t k, size_t i, int32_t place) {
      if (index[k] >= 0 && !(x[i] > y[k]) && x[i] == x[i]) return;
      y[k] = x[i];
      index[k] = place;
    });
  });
}

void pool_scatter(
    const Primitive& primitive, std::span<const Tensor> in, std::span<Tensor> out, Run&) {
  const PoolGrid& g = static_cast<const Pool&>(primitive).grid();
  visit_real(in[0].dtype(), [&]<class T>() {
    auto y = in[0].data<T>();
    auto x = out[0].mutable_data<T>();
    std::ranges::fill(x, T(0));
    for_each_index(g, in[1], [&](size_t k, size_t i) { x[i] += y[k]; });
  });
}

void pool_gather(
    const Primitive& primitive, std::span<const Tensor> in, std::span<Tensor> out, Run&) {
  const PoolGrid& g = static_cast<const Pool&>(primitive).grid();
  visit_real(in[0].dtype(), [&]<class T>() {
    auto x = in[0].data<T>();
    auto y = out[0].mutable_data<T>();
    for_each_index(g, in[1], [&](size_t k, size_t i) { y[k] = x[i]; });
  });
}

void avg_pool(const Primitive& primitive, std::span<const Tensor> in, std::span<Tensor> out, Run&) {
  const PoolGrid& g = static_cast<const Pool&>(primitive).grid();
  const int64_t channels = in[0].dim(3);
  visit_real(in[0].dtype(), [&]<class T>() {
    auto x = in[0].data<T>();
    auto y = out[0].mutable_data<T>();
    std::vector<double> sums(y.size(), 0);
    for_each_pair(
        g, in[0].dim(0), channels, [&](size_t k, size_t i, int32_t) { sums[k] += double(x[i]); });
    for (size_t k = 0; k < y.size(); ++k) y[k] = T(sums[k] / count_of(g, k, channels));
  });
}

void avg_pool_spread(
    const Primitive& primitive, std::span<const Tensor> in, std::span<Tensor> out, Run&) {
  const PoolGrid& g = static_cast<const Pool&>(primitive).grid();
  const int64_t channels = in[0].dim(3);
  visit_real(in[0].dtype(), [&]<class T>() {
    auto y = in[0].data<T>();
    auto x = out[0].mutable_data<T>();
    std::vector<double> sums(x.size(), 0);
    for_each_pair(g, in[0].dim(0), channels, [&](size_t k, size_t i, int32_t) {
      sums[i] += double(y[k]) / count_of(g, k, channels);
    });
    std::ranges::transform(sums, x.begin(), [](double s) { return T(s); });
  });
}

void register_pool(KernelTable& table) {
  table.add<MaxPool>(Device::ref, max_pool);
  table.add<PoolScatter>(Device::ref, pool_scatter);
  table.add<PoolGather>(Device::ref, pool_gather);
  table.add<AvgPool>(Device::ref, avg_pool);
  table.add<AvgPoolBwd>(Device::ref, avg_pool_spread);
}

}  // namespace fovea::ref
