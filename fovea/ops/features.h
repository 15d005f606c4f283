#pragma once

#include "fovea/core/primitive.h"

// Hand-made features of pictures, as they were before networks learnt their own. They are not made
// to be differentiated: a gradient asked of them throws. f32 and f64.
namespace fovea {

enum class BlockNorm : uint8_t { none, l2, l2_hys };

struct HogOptions {
  int cell = 8;          // side of a cell, in pixels
  int orientations = 9;  // bins of the angle
  // Angles over 360 degrees, else over 180: dark to bright as bright to dark.
  bool is_signed = false;
  int block = 2;      // side of a block, in cells; blocks lie one cell apart
  bool soft = true;   // a vote is shared by the nearest cells of its block and the nearest bins
  double window = 0;  // deviation of Gaussian weights around a block's centre, in pixels; 0 none
  BlockNorm norm = BlockNorm::l2_hys;
  double clip = 0.2;  // of l2_hys
  double eps = 1e-3;  // of the norms, in units of x
  friend bool operator==(const HogOptions&, const HogOptions&) = default;
};

// Histograms of oriented gradients (Dalal and Triggs 2005, section 6):
// x (N, H, W, C) -> (N, H / cell - block + 1, W / cell - block + 1, block block orientations), the
// last axis by row of cells, column of cells and bin. Each pixel votes for the angle of its
// gradient (x[i + 1] - x[i - 1]; 0 across an edge; of the channel with the largest) with its
// length. A block v is the mean of its votes over a cell, then v / sqrt(|v|^2 + eps^2), and for
// l2_hys clipped and normalised again. Pixels beyond the last whole cell are left out. Throws where
// no block fits.
Tensor hog(const Tensor& x, const HogOptions& o = {});

struct HueHistogramOptions {
  int bins = 10;
  bool normalize = true;  // the counts by those of all pixels
  friend bool operator==(const HueHistogramOptions&, const HueHistogramOptions&) = default;
};

// How often each hue occurs: red, green, blue x (N, H, W, 3) -> (N, bins). Hue is the angle of the
// hexagonal model (Smith 1978) in turns, 0 for greys. It does not depend on a common factor or
// offset of the three channels.
Tensor hue_histogram(const Tensor& x, const HueHistogramOptions& o = {});

struct SiftOptions {
  int cell = 4;  // side of one of the 4 x 4 cells of a descriptor, in pixels
  int step = 4;  // from one descriptor to the next
  friend bool operator==(const SiftOptions&, const SiftOptions&) = default;
};

// SIFT descriptors (Lowe 2004, section 6) on a grid, upright and at one scale:
// x (N, H, W, C) -> (N, (H - 4 cell) / step + 1, (W - 4 cell) / step + 1, 128), each about 1 long.
// They are computed on bytes: the mean of the channels, from the smallest value of a picture to the
// largest; one that is not finite counts as the smallest. By OpenCV: throws std::invalid_argument
// in a build without it (-DFOVEA_OPENCV=ON).
Tensor sift(const Tensor& x, const SiftOptions& o = {});

class Hog : public Primitive {
 public:
  explicit Hog(const HogOptions& o) : o_(o) {}
  const HogOptions& options() const { return o_; }

  std::string_view name() const override { return "hog"; }
  Kind kind() const override { return Kind::heavy; }
  std::vector<Spec> infer(std::span<const Tensor> in) const override;
  Cost cost(std::span<const Tensor> in, std::span<const Tensor> out) const override;
  bool same(const Primitive& other) const override;
  size_t hash() const override { return 370 + size_t(o_.cell); }

 private:
  HogOptions o_;
};

class HueHistogram : public Primitive {
 public:
  explicit HueHistogram(const HueHistogramOptions& o) : o_(o) {}
  const HueHistogramOptions& options() const { return o_; }

  std::string_view name() const override { return "hue_histogram"; }
  Kind kind() const override { return Kind::reduce; }
  std::vector<Spec> infer(std::span<const Tensor> in) const override;
  bool same(const Primitive& other) const override;
  size_t hash() const override { return 380 + size_t(o_.bins); }

 private:
  HueHistogramOptions o_;
};

class Sift : public Primitive {
 public:
  explicit Sift(const SiftOptions& o) : o_(o) {}
  const SiftOptions& options() const { return o_; }

  std::string_view name() const override { return "sift"; }
  Kind kind() const override { return Kind::heavy; }
  std::vector<Spec> infer(std::span<const Tensor> in) const override;
  bool same(const Primitive& other) const override;
  size_t hash() const override { return 390 + size_t(o_.cell); }

 private:
  SiftOptions o_;
};

}  // namespace fovea
