#include "fovea/train/mix.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include <fmt/format.h>

#include "fovea/ops/elementwise.h"
#include "fovea/ops/index.h"
#include "fovea/ops/random.h"

namespace fovea::train {

namespace {

// The logarithm of a number from Gamma(alpha, 1), which for a small alpha may be too small itself
// (Marsaglia and Tsang 2000, with their step from alpha + 1 down).
double log_gamma_number(double alpha, Rng& rng) {
  if (alpha < 1) return log_gamma_number(alpha + 1, rng) + std::log(1 - rng.uniform()) / alpha;
  const double d = alpha - 1.0 / 3, c = 1 / std::sqrt(9 * d);
  for (;;) {
    const double x = rng.normal(), v = std::pow(1 + c * x, 3);
    if (v <= 0) continue;
    if (std::log(1 - rng.uniform()) < 0.5 * x * x + d - d * v + d * std::log(v))
      return std::log(d) + std::log(v);
  }
}

struct Span {
  int64_t begin = 0, end = 0;
};

// `length` pixels about a random place, cut to the side.
Span draw_span(int64_t side, double length, Rng& rng) {
  const auto middle = int64_t(rng.below(uint64_t(side)));
  const auto half = int64_t(length / 2);
  return {std::max<int64_t>(middle - half, 0), std::min(middle + half, side)};
}

// bool (1, H, W, 1), true inside.
Tensor rectangle(int64_t height, int64_t width, const Span& rows, const Span& columns) {
  std::vector<uint8_t> inside(size_t(height * width), 0);
  for (int64_t y = rows.begin; y < rows.end; ++y)
    for (int64_t x = columns.begin; x < columns.end; ++x) inside[size_t(y * width + x)] = 1;
  return not_equal(Tensor::from<uint8_t>(inside, {1, height, width, 1}), 0);
}

}  // namespace

double draw_beta(double alpha, Rng& rng) {
  if (!(alpha > 0))
    throw std::invalid_argument(fmt::format("[beta] expected alpha above 0, got {}", alpha));
  const double a = log_gamma_number(alpha, rng), b = log_gamma_number(alpha, rng);
  return 1 / (1 + std::exp(b - a));
}

MixedBatch mix_batch(const data::Batch& batch, const MixOptions& o, Key key) {
  MixedBatch m{.images = batch.images, .labels = batch.labels, .others = {}};
  if (o.mixup == 0 && o.cutmix == 0) return m;
  Rng rng(key);
  const bool cut = o.cutmix > 0 && (o.mixup == 0 || rng.bernoulli(0.5));
  m.share = draw_beta(cut ? o.cutmix : o.mixup, rng);
  const Tensor order = random_permutation(batch.labels.dim(0), key.fold_in(1));
  const Tensor other = take(batch.images, order);
  m.others = take(batch.labels, order);
  if (!cut) {
    m.images = batch.images * m.share + other * (1 - m.share);
    return m;
  }
  const int64_t height = batch.images.dim(1), width = batch.images.dim(2);
  const double side = std::sqrt(1 - m.share);
  const Span rows = draw_span(height, side * double(height), rng);
  const Span columns = draw_span(width, side * double(width), rng);
  m.images = where(rectangle(height, width, rows, columns), other, batch.images);
  m.share =
      1 - double((rows.end - rows.begin) * (columns.end - columns.begin)) / double(height * width);
  return m;
}

}  // namespace fovea::train
