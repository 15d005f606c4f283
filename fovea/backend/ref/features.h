#pragma once

#include <algorithm>
#include <cmath>

#include "fovea/core/kernel.h"
#include "fovea/ops/features.h"

// What the kernels of hand-made features on both backends agree on, and the reference kernels that
// the fast ones hand other dtypes to.
namespace fovea::ref {

void hog(const Primitive& p, std::span<const Tensor> in, std::span<Tensor> out, Run& run);
void hue_histogram(const Primitive& p, std::span<const Tensor> in, std::span<Tensor> out, Run& run);

// The share of the vote of pixel i, along one side of a block, that cell a receives.
inline double cell_share(int i, int a, const HogOptions& o) {
  if (!o.soft) return i / o.cell == a ? 1 : 0;
  return std::max(0.0, 1 - std::abs((i + 0.5) / o.cell - (a + 0.5)));
}

// The share of a vote for `angle` (in bins, from 0 to the number of them) that bin k receives.
inline double bin_share(double angle, int k, const HogOptions& o) {
  const int n = o.orientations;
  if (!o.soft || n == 1) return int(angle) % n == k ? 1 : 0;
  const double apart = std::abs(angle - (k + 0.5));
  return std::max(0.0, 1 - std::min(apart, n - apart));
}

// The bin of a hue; 0 for greys and for what is no number.
template <class T>
int hue_bin(T red, T green, T blue, int bins) {
  const T top = std::max({red, green, blue}), range = top - std::min({red, green, blue});
  if (!(range > 0)) return 0;
  T sixth = top == red     ? (green - blue) / range
            : top == green ? 2 + (blue - red) / range
                           : 4 + (red - green) / range;
  if (sixth < 0) sixth += 6;
  return sixth >= 0 ? std::min(int(sixth / 6 * T(bins)), bins - 1) : 0;
}

}  // namespace fovea::ref
