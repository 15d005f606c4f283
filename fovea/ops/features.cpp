#include "fovea/ops/features.h"

#include <stdexcept>

#include <fmt/format.h>

#include "fovea/core/kernel.h"
#include "fovea/ops/images.h"

namespace fovea {

namespace {

// Only the kernels of a build with OpenCV have one for SIFT.
void check_opencv() {
  if (kernels().has<Sift>(Device::ref)) return;
  throw std::invalid_argument(
      "[sift] expected a fovea that was built with OpenCV: "
      "configure it with -DFOVEA_OPENCV=ON, or use hog");
}

}  // namespace

std::vector<Spec> Hog::infer(std::span<const Tensor> in) const {
  const Tensor& x = in[0];
  check_images(x, "hog");
  if (o_.cell < 1 || o_.orientations < 1 || o_.block < 1)
    throw std::invalid_argument(fmt::format(
        "[hog] expected a cell, orientations and a block of at least 1, got {}, {} and {}",
        o_.cell,
        o_.orientations,
        o_.block));
  if (!(o_.window >= 0 && o_.eps > 0 && o_.clip > 0))
    throw std::invalid_argument(fmt::format(
        "[hog] expected a window of at least 0, and clip and eps above 0, got {}, {} and {}",
        o_.window,
        o_.clip,
        o_.eps));
  const int64_t down = x.dim(1) / o_.cell - o_.block + 1,
                across = x.dim(2) / o_.cell - o_.block + 1;
  if (down < 1 || across < 1 || x.dim(3) < 1)
    throw std::invalid_argument(fmt::format(
        "[hog] expected images that hold a block of {0} x {0} cells of {1} pixels, got {2}; "
        "smaller cells may fit",
        o_.block,
        o_.cell,
        x.shape().str()));
  return {{{x.dim(0), down, across, int64_t(o_.block) * o_.block * o_.orientations}, x.dtype()}};
}

// A sum for every vote of a pixel in each block it lies in; soft votes go to up to four cells and
// two bins.
Cost Hog::cost(std::span<const Tensor> in, std::span<const Tensor> out) const {
  Cost cost = Primitive::cost(in, out);
  const double blocks = double(out[0].dim(0) * out[0].dim(1) * out[0].dim(2));
  const double pixels = double(o_.block * o_.cell) * double(o_.block * o_.cell);
  cost.flops = 2 * blocks * pixels * (o_.soft ? 8 : 1);
  return cost;
}

bool Hog::same(const Primitive& other) const {
  auto* o = dynamic_cast<const Hog*>(&other);
  return o && o->o_ == o_;
}

std::vector<Spec> HueHistogram::infer(std::span<const Tensor> in) const {
  const Tensor& x = in[0];
  check_images(x, "hue_histogram");
  if (x.dim(3) != 3 || x.dim(1) * x.dim(2) == 0)
    throw std::invalid_argument(fmt::format(
        "[hue_histogram] expected red, green and blue (N, H, W, 3), got {}", x.shape().str()));
  if (o_.bins < 1)
    throw std::invalid_argument(
        fmt::format("[hue_histogram] expected at least one bin, got {}", o_.bins));
  return {{{x.dim(0), o_.bins}, x.dtype()}};
}

bool HueHistogram::same(const Primitive& other) const {
  auto* o = dynamic_cast<const HueHistogram*>(&other);
  return o && o->o_ == o_;
}

std::vector<Spec> Sift::infer(std::span<const Tensor> in) const {
  const Tensor& x = in[0];
  check_images(x, "sift");
  check_opencv();
  if (o_.cell < 1 || o_.step < 1)
    throw std::invalid_argument(fmt::format(
        "[sift] expected a cell and a step of at least 1, got {} and {}", o_.cell, o_.step));
  const int64_t side = 4 * int64_t(o_.cell);
  if (x.dim(1) < side || x.dim(2) < side || x.dim(3) < 1)
    throw std::invalid_argument(fmt::format(
        "[sift] expected images of at least {0} x {0} pixels for 4 x 4 cells of {1}, got {2}",
        side,
        o_.cell,
        x.shape().str()));
  return {
      {{x.dim(0), (x.dim(1) - side) / o_.step + 1, (x.dim(2) - side) / o_.step + 1, 128},
       x.dtype()}};
}

bool Sift::same(const Primitive& other) const {
  auto* o = dynamic_cast<const Sift*>(&other);
  return o && o->o_ == o_;
}

Tensor hog(const Tensor& x, const HogOptions& o) {
  return Tensor::output_of(std::make_shared<Hog>(o), {x});
}

Tensor hue_histogram(const Tensor& x, const HueHistogramOptions& o) {
  return Tensor::output_of(std::make_shared<HueHistogram>(o), {x});
}

Tensor sift(const Tensor& x, const SiftOptions& o) {
  return Tensor::output_of(std::make_shared<Sift>(o), {x});
}

}  // namespace fovea
