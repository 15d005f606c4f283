#pragma once

#include "fovea/core/primitive.h"

// Images at another size, with PyTorch's interpolate as the model.
namespace fovea {

enum class Interpolation : uint8_t { nearest, bilinear, bicubic };

struct ResizeOptions {
  Interpolation mode = Interpolation::bilinear;
  bool align_corners = false;  // the centres of the corner pixels stay in place, not their edges
  bool antialias = false;      // when shrinking, widen the kernel to cover every input pixel
  friend bool operator==(const ResizeOptions&, const ResizeOptions&) = default;
};

// x (N, H, W, C) -> (N, height, width, C). nearest reads pixel floor(i * in / out); bicubic is
// Keys' kernel (1981) with a = -0.75, or -0.5 with antialias, which has the effect of Pillow's
// filters. Edge pixels stand for what lies beyond them.
Tensor resize(const Tensor& x, int64_t height, int64_t width, const ResizeOptions& o = {});

// How one axis is resized, as a sparse matrix: output position i is the sum over k in
// row[i] .. row[i + 1] - 1 of weight[k] times input position from[k].
struct AxisWeights {
  std::vector<int32_t> row, from;
  std::vector<float> weight;
};
AxisWeights axis_weights(int64_t in, int64_t out, const ResizeOptions& o);
AxisWeights transposed(const AxisWeights& w, int64_t in);  // `in`: the input extent of w

class Resize : public Primitive {
 public:
  Resize(int64_t height, int64_t width, const ResizeOptions& o)
      : height_(height), width_(width), o_(o) {}
  const ResizeOptions& options() const { return o_; }

  std::string_view name() const override { return "resize"; }
  Kind kind() const override { return Kind::heavy; }
  std::vector<Spec> infer(std::span<const Tensor> in) const override;
  std::vector<Tensor> vjp(
      std::span<const Tensor> in,
      std::span<const Tensor> out,
      std::span<const Tensor> dout,
      std::span<const int> wanted) const override;
  bool same(const Primitive& other) const override;
  size_t hash() const override { return 370 + size_t(o_.mode); }

 private:
  int64_t height_, width_;
  ResizeOptions o_;
};

// The adjoint of Resize: (N, h, w, C) back to the size (N, height, width, C) it was resized from.
class ResizeGrad : public Primitive {
 public:
  ResizeGrad(int64_t height, int64_t width, const ResizeOptions& o)
      : height_(height), width_(width), o_(o) {}
  const ResizeOptions& options() const { return o_; }

  std::string_view name() const override { return "resize_grad"; }
  Kind kind() const override { return Kind::heavy; }
  std::vector<Spec> infer(std::span<const Tensor> in) const override;
  std::vector<Tensor> vjp(
      std::span<const Tensor> in,
      std::span<const Tensor> out,
      std::span<const Tensor> dout,
      std::span<const int> wanted) const override;
  bool same(const Primitive& other) const override;
  size_t hash() const override { return 374 + size_t(o_.mode); }

 private:
  int64_t height_, width_;
  ResizeOptions o_;
};

}  // namespace fovea
