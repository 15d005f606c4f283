#include "fovea/data/statistics.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <limits>
#include <stdexcept>

#include <fmt/format.h>

#include "fovea/core/errors.h"
#include "fovea/data/scan.h"

namespace fovea::data {

namespace {

double variance(double sum, double squares, double n) {
  double mean = sum / n;
  return std::max(0.0, squares / n - mean * mean);
}

void check_any(int64_t images, const Dataset& dataset) {
  if (images == 0)
    throw std::invalid_argument(
        fmt::format("[statistics] expected readable pictures in {}, got none", dataset.name()));
}

void check_matrix(const Tensor& x, const char* op, size_t features = 0) {
  if (x.rank() != 2 || x.dim(0) == 0 || (features && size_t(x.dim(1)) != features))
    throw std::invalid_argument(fmt::format(
        "[{}] expected (N, {}) with N > 0, got {}",
        op,
        features ? std::to_string(features) : "D",
        x.str()));
}

// f32 with y[i][d] = f(x[i][d], d).
Tensor map_features(const Tensor& x, const std::function<double(double, size_t)>& f) {
  auto values = x.to_doubles();
  auto width = size_t(x.dim(1));
  std::vector<float> out(values.size());
  for (size_t i = 0; i < values.size(); ++i) out[i] = float(f(values[i], i % width));
  return Tensor::from(out, x.shape());
}

}  // namespace

void add_channel(ChannelStats& stats, std::span<const uint64_t> histogram, double scale) {
  FOVEA_ASSERT(histogram.size() == 256);
  uint64_t count = 0, sum = 0, squares = 0, lowest = 255, highest = 0;
  for (uint64_t v = 0; v < 256; ++v) {
    if (histogram[v] == 0) continue;
    count += histogram[v];
    sum += histogram[v] * v;
    squares += histogram[v] * v * v;
    lowest = std::min(lowest, v);
    highest = v;
  }
  FOVEA_ASSERT(count > 0);
  stats.pixels = int64_t(count);
  stats.mean.push_back(double(sum) / double(count) * scale);
  stats.std.push_back(std::sqrt(variance(double(sum), double(squares), double(count))) * scale);
  stats.min.push_back(double(lowest) * scale);
  stats.max.push_back(double(highest) * scale);
}

ChannelStats channel_stats(const Dataset& train, const Preprocess& preprocess, int threads) {
  struct Sums {
    std::array<std::array<uint64_t, 256>, 3> histogram{};
    int64_t images = 0;
  };
  std::vector<Sums> per_thread(size_t(std::max(threads, 1)));
  auto channels = size_t(preprocess.channels);
  scan(train, threads, preprocess.decode_options(), [&](int t, int64_t, image::Image image) {
    auto& sums = per_thread[size_t(t)];
    image = preprocess.geometry(std::move(image));
    for (size_t i = 0; i < image.pixels.size(); i += channels)
      for (size_t c = 0; c < channels; ++c) ++sums.histogram[c][image.pixels[i + c]];
    ++sums.images;
  });
  ChannelStats stats;
  for (const auto& s : per_thread) stats.images += s.images;
  check_any(stats.images, train);
  for (size_t out = 0; out < channels; ++out) {
    std::array<uint64_t, 256> histogram{};
    for (const auto& sums : per_thread)
      for (size_t v = 0; v < 256; ++v)
        histogram[v] += sums.histogram[preprocess.bgr ? channels - 1 - out : out][v];
    add_channel(stats, histogram, preprocess.scale);
  }
  return stats;
}

PixelStats pixel_stats(const Dataset& train, const Preprocess& preprocess, int threads) {
  struct Sums {
    Shape shape;
    std::vector<uint64_t> sum, squares;
    int64_t images = 0;
  };
  std::vector<Sums> per_thread(size_t(std::max(threads, 1)));
  auto check_same = [](const Shape& a, const Shape& b) {
    if (!(a == b))
      throw std::invalid_argument(fmt::format(
          "[statistics] expected pictures of one size, got {} and {}; set resize",
          a.str(),
          b.str()));
  };
  scan(train, threads, preprocess.decode_options(), [&](int t, int64_t, image::Image image) {
    auto& sums = per_thread[size_t(t)];
    image = preprocess.geometry(std::move(image));
    Shape shape{image.height, image.width, image.channels};
    if (sums.images++ == 0) {
      sums.shape = shape;
      sums.sum.resize(image.pixels.size());
      sums.squares.resize(image.pixels.size());
    }
    check_same(sums.shape, shape);
    for (size_t i = 0; i < image.pixels.size(); ++i) {
      uint64_t v = image.pixels[i];
      sums.sum[i] += v;
      sums.squares[i] += v * v;
    }
  });
  Sums all;
  for (const auto& s : per_thread) {
    if (s.images == 0) continue;
    if (all.images == 0) {
      all = s;
      continue;
    }
    check_same(all.shape, s.shape);
    all.images += s.images;
    for (size_t i = 0; i < all.sum.size(); ++i) {
      all.sum[i] += s.sum[i];
      all.squares[i] += s.squares[i];
    }
  }
  check_any(all.images, train);
  PixelStats stats{
      .mean = Tensor::empty(all.shape), .std = Tensor::empty(all.shape), .images = all.images};
  auto mean = stats.mean.mutable_data<float>(), std = stats.std.mutable_data<float>();
  auto n = double(all.images);
  for (size_t i = 0; i < mean.size(); ++i) {
    size_t j = preprocess.bgr && preprocess.channels == 3 ? i / 3 * 3 + 2 - i % 3 : i;
    mean[i] = float(double(all.sum[j]) / n * preprocess.scale);
    std[i] = float(
        std::sqrt(variance(double(all.sum[j]), double(all.squares[j]), n)) * preprocess.scale);
  }
  return stats;
}

Tensor standardise_images(const Tensor& x) {
  if (x.rank() != 4 || x.numel() == 0)
    throw std::invalid_argument(
        fmt::format("[standardise_images] expected (N, H, W, C) with pixels, got {}", x.str()));
  auto values = x.to_doubles();
  auto each = size_t(x.numel() / x.dim(0));
  std::vector<float> out(values.size());
  for (size_t first = 0; first < values.size(); first += each) {
    double sum = 0, squares = 0;
    for (size_t i = first; i < first + each; ++i) sum += values[i];
    double mean = sum / double(each);
    for (size_t i = first; i < first + each; ++i)
      squares += (values[i] - mean) * (values[i] - mean);
    double std = std::max(std::sqrt(squares / double(each)), 1 / std::sqrt(double(each)));
    for (size_t i = first; i < first + each; ++i) out[i] = float((values[i] - mean) / std);
  }
  return Tensor::from(out, x.shape());
}

image::ColorPca color_pca(const Dataset& train) {
  image::ColorMoments moments;
  scan(train, 1, {.channels = 3}, [&](int, int64_t, const image::Image& image) {
    moments.add(image);
  });
  check_any(int64_t(moments.pixels()), train);
  return moments.pca();
}

FeatureStats feature_stats(const Tensor& x) {
  check_matrix(x, "feature_stats");
  auto values = x.to_doubles();
  auto width = size_t(x.dim(1));
  auto n = double(x.dim(0));
  FeatureStats s;
  s.mean.assign(width, 0);
  s.std.assign(width, 0);
  s.min.assign(width, std::numeric_limits<double>::infinity());
  s.max.assign(width, -std::numeric_limits<double>::infinity());
  for (size_t i = 0; i < values.size(); ++i) {
    size_t d = i % width;
    s.mean[d] += values[i] / n;
    s.min[d] = std::min(s.min[d], values[i]);
    s.max[d] = std::max(s.max[d], values[i]);
  }
  for (size_t i = 0; i < values.size(); ++i) {
    double distance = values[i] - s.mean[i % width];
    s.std[i % width] += distance * distance / n;
  }
  for (double& v : s.std) v = std::sqrt(v);
  for (double m : s.mean) s.total_mean += m / double(width);
  return s;
}

Tensor FeatureStats::centre(const Tensor& x) const {
  check_matrix(x, "centre", mean.size());
  return map_features(x, [&](double v, size_t d) { return v - mean[d]; });
}

Tensor FeatureStats::centre_total(const Tensor& x) const {
  check_matrix(x, "centre_total", mean.size());
  return map_features(x, [&](double v, size_t) { return v - total_mean; });
}

Tensor FeatureStats::standardise(const Tensor& x, double eps) const {
  check_matrix(x, "standardise", mean.size());
  for (size_t d = 0; d < std.size(); ++d)
    if (!(std[d] + eps > 0))
      throw std::invalid_argument(
          fmt::format("[standardise] feature {} is constant; set eps above 0", d));
  return map_features(x, [&](double v, size_t d) { return (v - mean[d]) / (std[d] + eps); });
}

Tensor FeatureStats::to_range(const Tensor& x) const {
  check_matrix(x, "to_range", mean.size());
  return map_features(x, [&](double v, size_t d) {
    double range = max[d] - min[d];
    return range > 0 ? 2 * (v - min[d]) / range - 1 : 0;
  });
}

}  // namespace fovea::data
