#include "fovea/ops/resize.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include <fmt/format.h>

#include "fovea/ops/images.h"

namespace fovea {

namespace {

// Keys, "Cubic convolution interpolation for digital image processing", 1981.
double cubic(double x, double a) {
  x = std::abs(x);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return ((x - 5) * x + 8) * x * a - 4 * a;
  return 0;
}

double triangle(double x) { return std::max(0.0, 1 - std::abs(x)); }

// Input pixels per output pixel.
double scale_of(int64_t in, int64_t out, bool align_corners) {
  if (align_corners) return out > 1 ? double(in - 1) / double(out - 1) : 0;
  return double(in) / double(out);
}

struct Builder {
  AxisWeights w{{0}, {}, {}};
  void tap(int64_t from, double weight) {
    w.from.push_back(int32_t(from));
    w.weight.push_back(float(weight));
  }
  void end_row() { w.row.push_back(int32_t(w.from.size())); }
};

AxisWeights nearest(int64_t in, int64_t out) {
  Builder b;
  float scale = float(in) / float(out);  // in single precision, as PyTorch computes it
  for (int64_t i = 0; i < out; ++i) {
    b.tap(std::min(int64_t(std::floor(float(i) * scale)), in - 1), 1);
    b.end_row();
  }
  return std::move(b.w);
}

AxisWeights linear(int64_t in, int64_t out, bool align_corners) {
  Builder b;
  double scale = scale_of(in, out, align_corners);
  for (int64_t i = 0; i < out; ++i) {
    double at = align_corners ? scale * double(i) : std::max(0.0, scale * (double(i) + 0.5) - 0.5);
    int64_t low = std::min(int64_t(at), in - 1);
    double t = at - double(low);
    if (low + 1 < in && t > 0) {
      b.tap(low, 1 - t);
      b.tap(low + 1, t);
    } else {
      b.tap(low, 1);
    }
    b.end_row();
  }
  return std::move(b.w);
}

AxisWeights bicubic(int64_t in, int64_t out, bool align_corners) {
  Builder b;
  double scale = scale_of(in, out, align_corners);
  for (int64_t i = 0; i < out; ++i) {
    double at = align_corners ? scale * double(i) : scale * (double(i) + 0.5) - 0.5;
    auto low = int64_t(std::floor(at));
    for (int64_t k = low - 1; k <= low + 2; ++k)
      b.tap(std::clamp<int64_t>(k, 0, in - 1), cubic(at - double(k), -0.75));
    b.end_row();
  }
  return std::move(b.w);
}

// A kernel stretched by the shrink factor, cut at the borders and normalised.
AxisWeights antialiased(int64_t in, int64_t out, const ResizeOptions& o) {
  Builder b;
  bool is_cubic = o.mode == Interpolation::bicubic;
  double scale = scale_of(in, out, o.align_corners), stretch = std::max(scale, 1.0);
  double support = (is_cubic ? 2 : 1) * stretch;
  for (int64_t i = 0; i < out; ++i) {
    double centre = scale * (double(i) + 0.5);
    auto first = std::max<int64_t>(int64_t(centre - support + 0.5), 0);
    auto last = std::min<int64_t>(int64_t(centre + support + 0.5), in);
    std::vector<double> row;
    double total = 0;
    for (int64_t k = first; k < last; ++k) {
      double x = (double(k) + 0.5 - centre) / stretch;
      row.push_back(is_cubic ? cubic(x, -0.5) : triangle(x));
      total += row.back();
    }
    for (int64_t k = first; k < last; ++k) b.tap(k, row[size_t(k - first)] / total);
    b.end_row();
  }
  return std::move(b.w);
}

Shape with_size(const Shape& s, int64_t height, int64_t width) {
  return {s[0], height, width, s[3]};
}

}  // namespace

AxisWeights axis_weights(int64_t in, int64_t out, const ResizeOptions& o) {
  if (o.antialias) return antialiased(in, out, o);
  switch (o.mode) {
    case Interpolation::bilinear:
      return linear(in, out, o.align_corners);
    case Interpolation::bicubic:
      return bicubic(in, out, o.align_corners);
    case Interpolation::nearest:
      break;
  }
  return nearest(in, out);
}

AxisWeights transposed(const AxisWeights& w, int64_t in) {
  AxisWeights t;
  t.row.assign(size_t(in) + 1, 0);
  for (int32_t k : w.from) ++t.row[size_t(k) + 1];
  for (size_t i = 0; i < size_t(in); ++i) t.row[i + 1] += t.row[i];
  std::vector<int32_t> next(t.row.begin(), t.row.end() - 1);
  t.from.resize(w.from.size());
  t.weight.resize(w.from.size());
  for (size_t i = 0; i + 1 < w.row.size(); ++i) {
    for (int32_t k = w.row[i]; k < w.row[i + 1]; ++k) {
      auto at = size_t(next[size_t(w.from[size_t(k)])]++);
      t.from[at] = int32_t(i);
      t.weight[at] = w.weight[size_t(k)];
    }
  }
  return t;
}

std::vector<Spec> Resize::infer(std::span<const Tensor> in) const {
  check_images(in[0], "resize");
  const Shape& s = in[0].shape();
  if (height_ < 1 || width_ < 1 || s[1] < 1 || s[2] < 1)
    throw std::invalid_argument(fmt::format(
        "[resize] expected sizes of at least 1, got {} to ({}, {})", s.str(), height_, width_));
  if (o_.mode == Interpolation::nearest && (o_.align_corners || o_.antialias))
    throw std::invalid_argument(
        "[resize] nearest has neither align_corners nor antialias; choose bilinear or bicubic");
  return {{with_size(s, height_, width_), in[0].dtype()}};
}

std::vector<Tensor> Resize::vjp(
    std::span<const Tensor> in,
    std::span<const Tensor>,
    std::span<const Tensor> dout,
    std::span<const int>) const {
  auto grad = std::make_shared<ResizeGrad>(in[0].dim(1), in[0].dim(2), o_);
  return {Tensor::output_of(std::move(grad), {dout[0]})};
}

bool Resize::same(const Primitive& other) const {
  auto* o = dynamic_cast<const Resize*>(&other);
  return o && o->height_ == height_ && o->width_ == width_ && o->o_ == o_;
}

std::vector<Spec> ResizeGrad::infer(std::span<const Tensor> in) const {
  check_images(in[0], "resize_grad");
  return {{with_size(in[0].shape(), height_, width_), in[0].dtype()}};
}

std::vector<Tensor> ResizeGrad::vjp(
    std::span<const Tensor> in,
    std::span<const Tensor>,
    std::span<const Tensor> dout,
    std::span<const int>) const {
  return {resize(dout[0], in[0].dim(1), in[0].dim(2), o_)};
}

bool ResizeGrad::same(const Primitive& other) const {
  auto* o = dynamic_cast<const ResizeGrad*>(&other);
  return o && o->height_ == height_ && o->width_ == width_ && o->o_ == o_;
}

Tensor resize(const Tensor& x, int64_t height, int64_t width, const ResizeOptions& o) {
  return Tensor::output_of(std::make_shared<Resize>(height, width, o), {x});
}

}  // namespace fovea
