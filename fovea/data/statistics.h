#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "fovea/core/tensor.h"
#include "fovea/data/dataset.h"
#include "fovea/data/preprocess.h"
#include "fovea/image/color.h"

// What is learnt from pictures before training. All of it comes from the training split alone and
// is then applied to every split: statistics of test data leak it into the model. Sums are kept in
// integers, so results do not depend on the number of threads. Unreadable samples are left out.
namespace fovea::data {

// One value per channel of the picture that Preprocess::geometry gives, in units of pixel * scale:
// ready to be Preprocess::mean and std.
struct ChannelStats {
  std::vector<double> mean, std, min, max;
  int64_t images = 0, pixels = 0;
};
// Appends a channel: how often each of the 256 levels occurs, in units of level * scale.
void add_channel(ChannelStats& stats, std::span<const uint64_t> histogram, double scale);
ChannelStats channel_stats(const Dataset& train, const Preprocess& preprocess, int threads = 1);

// Mean and standard deviation of each pixel, f32 (height, width, channels), in units of
// pixel * scale: the mean image of AlexNet (Krizhevsky et al., 2012). Throws std::invalid_argument
// when the pictures have different sizes.
struct PixelStats {
  Tensor mean, std;
  int64_t images = 0;
};
PixelStats pixel_stats(const Dataset& train, const Preprocess& preprocess, int threads = 1);

// Every picture of x (N, H, W, C) with its own mean 0 and standard deviation 1; a deviation below
// 1 / sqrt(H W C) counts as that, so that an even picture becomes 0. Evaluates x.
Tensor standardise_images(const Tensor& x);

// Principal axes of the colours of all pixels, for image::Lighting.
image::ColorPca color_pca(const Dataset& train);

// One value per feature of x (N, D), and over all of x.
struct FeatureStats {
  std::vector<double> mean, std, min, max;
  double total_mean = 0;

  // x evaluated, and each feature of it
  Tensor centre(const Tensor& x) const;                       // - mean: column means 0
  Tensor centre_total(const Tensor& x) const;                 // - total_mean
  Tensor standardise(const Tensor& x, double eps = 0) const;  // (x - mean) / (std + eps)
  Tensor to_range(const Tensor& x) const;                     // min -> -1, max -> 1, constant -> 0
};
FeatureStats feature_stats(const Tensor& x);

}  // namespace fovea::data
