#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <type_traits>
#include <vector>

namespace fovea::ref {

// The first `count` indices of the sorted order of x[0], x[stride], ... (n of them), written
// `stride` apart. Stable; NaN counts as the largest.
template <class T>
void argsort_row(
    const T* x, int64_t n, int64_t stride, bool descending, int32_t* y, int64_t count) {
  auto less = [](T a, T b) {
    if constexpr (std::is_integral_v<T>) {
      return a < b;
    } else {
      double p = double(a), q = double(b);
      return std::isnan(q) ? !std::isnan(p) : p < q;
    }
  };
  std::vector<int32_t> order(static_cast<size_t>(n));
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int32_t i, int32_t k) {
    T a = x[i * stride], b = x[k * stride];
    return descending ? less(b, a) : less(a, b);
  });
  for (int64_t i = 0; i < count; ++i) y[i * stride] = order[size_t(i)];
}

}  // namespace fovea::ref
