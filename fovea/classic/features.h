#pragma once

#include "fovea/nn/module.h"
#include "fovea/ops/features.h"

namespace fovea::classic {

// Hand-made features as layers (ops/features.h): they have nothing to learn and no gradient, so
// they stand before all that learns.

// x (N, H, W, C) -> (N, down, across, block block orientations).
class Hog : public nn::Module {
 public:
  explicit Hog(const HogOptions& o) : o_(o) {}
  Tensor forward(const Tensor& x, nn::Ctx&) const override { return hog(x, o_); }

 private:
  HogOptions o_;
};

// x (N, H, W, 3) -> (N, bins).
class HueHistogram : public nn::Module {
 public:
  explicit HueHistogram(const HueHistogramOptions& o) : o_(o) {}
  Tensor forward(const Tensor& x, nn::Ctx&) const override { return hue_histogram(x, o_); }

 private:
  HueHistogramOptions o_;
};

// x (N, H, W, C) -> (N, down, across, 128); needs OpenCV.
class Sift : public nn::Module {
 public:
  explicit Sift(const SiftOptions& o) : o_(o) {}
  Tensor forward(const Tensor& x, nn::Ctx&) const override { return sift(x, o_); }

 private:
  SiftOptions o_;
};

// What several layers make of the same input, each flattened, side by side: (N, ...) -> (N, F).
// Their names are "0", "1" and so on.
class Join : public nn::Module {
 public:
  explicit Join(std::vector<std::unique_ptr<nn::Module>> parts) : parts_(std::move(parts)) {}
  Tensor forward(const Tensor& x, nn::Ctx& ctx) const override;
  void visit(Visitor& v) override;

 private:
  std::vector<std::unique_ptr<nn::Module>> parts_;
};

}  // namespace fovea::classic
