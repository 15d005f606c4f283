#include "fovea/ops/features.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

#include "fovea/backend/ref/features.h"
#include "fovea/backend/ref/ref.h"

namespace fovea::ref {

namespace {

struct Gradient {
  double length = 0, angle = 0;  // angle in bins, the first from 0 to 1
};

// Of the pixel (r, c) of a picture (H, W, C): its channel with the longest gradient.
template <class T>
Gradient gradient_at(const T* x, const Shape& shape, int64_t r, int64_t c, const HogOptions& o) {
  const int64_t H = shape[1], W = shape[2], C = shape[3];
  double best = -1, gx = 0, gy = 0;
  for (int64_t k = 0; k < C; ++k) {
    auto at = [&](int64_t i, int64_t j) { return double(x[(i * W + j) * C + k]); };
    const double dx = c > 0 && c + 1 < W ? at(r, c + 1) - at(r, c - 1) : 0;
    const double dy = r > 0 && r + 1 < H ? at(r + 1, c) - at(r - 1, c) : 0;
    if (dx * dx + dy * dy > best) {
      best = dx * dx + dy * dy;
      gx = dx;
      gy = dy;
    }
  }
  const double range = (o.is_signed ? 2 : 1) * std::numbers::pi;
  double angle = std::fmod(std::atan2(gy, gx) + 2 * std::numbers::pi, range);
  return {std::sqrt(best), angle / range * o.orientations};
}

// Adds the votes of the block whose first pixel is (top, left) to v.
template <class T>
void vote(
    const T* x,
    const Shape& shape,
    int64_t top,
    int64_t left,
    const HogOptions& o,
    std::vector<double>& v) {
  const int side = o.block * o.cell;
  for (int i = 0; i < side; ++i)
    for (int j = 0; j < side; ++j) {
      const Gradient g = gradient_at(x, shape, top + i, left + j, o);
      const double middle = (side - 1) / 2.0,
                   d2 = (i - middle) * (i - middle) + (j - middle) * (j - middle);
      const double w = o.window > 0 ? std::exp(-d2 / (2 * o.window * o.window)) : 1;
      for (int a = 0; a < o.block; ++a)
        for (int b = 0; b < o.block; ++b)
          for (int k = 0; k < o.orientations; ++k)
            v[size_t((a * o.block + b) * o.orientations + k)] +=
                w * g.length * cell_share(i, a, o) * cell_share(j, b, o) *
                bin_share(g.angle, k, o) / (o.cell * o.cell);
    }
}

void normalize(std::vector<double>& v, const HogOptions& o) {
  auto scale = [&] {
    double squares = 0;
    for (double a : v) squares += a * a;
    for (double& a : v) a /= std::sqrt(squares + o.eps * o.eps);
  };
  if (o.norm == BlockNorm::none) return;
  scale();
  if (o.norm == BlockNorm::l2) return;
  for (double& a : v) a = std::min(a, o.clip);
  scale();
}

}  // namespace

void hog(const Primitive& primitive, std::span<const Tensor> in, std::span<Tensor> out, Run&) {
  const HogOptions& o = static_cast<const Hog&>(primitive).options();
  const Shape& from = in[0].shape();
  const Shape& to = out[0].shape();
  visit_real(in[0].dtype(), [&]<class T>() {
    const T* x = in[0].data<T>().data();
    T* y = out[0].mutable_data<T>().data();
    for (int64_t n = 0; n < to[0]; ++n)
      for (int64_t r = 0; r < to[1]; ++r)
        for (int64_t c = 0; c < to[2]; ++c) {
          std::vector<double> v(size_t(to[3]), 0);
          vote(x + n * from[1] * from[2] * from[3], from, r * o.cell, c * o.cell, o, v);
          normalize(v, o);
          for (double a : v) *y++ = T(a);
        }
  });
}

void hue_histogram(
    const Primitive& primitive, std::span<const Tensor> in, std::span<Tensor> out, Run&) {
  const HueHistogramOptions& o = static_cast<const HueHistogram&>(primitive).options();
  const int64_t pixels = in[0].dim(1) * in[0].dim(2);
  visit_real(in[0].dtype(), [&]<class T>() {
    const T* x = in[0].data<T>().data();
    auto y = out[0].mutable_data<T>();
    std::ranges::fill(y, T(0));
    const T one = T(o.normalize ? 1.0 / double(pixels) : 1.0);
    for (int64_t i = 0; i < in[0].dim(0) * pixels; ++i)
      y[size_t(i / pixels * o.bins + hue_bin(x[3 * i], x[3 * i + 1], x[3 * i + 2], o.bins))] += one;
  });
}

void register_features(KernelTable& table) {
  table.add<Hog>(Device::ref, hog);
  table.add<HueHistogram>(Device::ref, hue_histogram);
}

}  // namespace fovea::ref
