#pragma once

#include "fovea/core/primitive.h"

// Tensors grown at their edges.
namespace fovea {

// What is put beyond the edge of (a b c d):
//   constant   v v | a b c d | v v
//   reflect    c b | a b c d | c b    fewer elements than the axis has
//   replicate  a a | a b c d | d d
enum class PadMode : uint8_t { constant, reflect, replicate };

struct PadWidth {
  int64_t before = 0;
  int64_t after = 0;
  friend bool operator==(const PadWidth&, const PadWidth&) = default;
};

struct PadOptions {
  PadMode mode = PadMode::constant;
  double value = 0;  // for constant
  friend bool operator==(const PadOptions&, const PadOptions&) = default;
};

// Widens axis i by widths[i]; one entry an axis.
Tensor pad(const Tensor& x, const std::vector<PadWidth>& widths, const PadOptions& o = {});

// Widens height and width of x (N, H, W, C).
Tensor pad2d(const Tensor& x, PadWidth height, PadWidth width, const PadOptions& o = {});

// The position in an axis of `extent` that padded position i shows; -1 where the constant is.
int64_t padded_source(PadMode mode, int64_t i, int64_t before, int64_t extent);

class Pad : public Primitive {
 public:
  Pad(std::vector<PadWidth> widths, const PadOptions& o) : widths_(std::move(widths)), o_(o) {}
  const std::vector<PadWidth>& widths() const { return widths_; }
  const PadOptions& options() const { return o_; }

  std::string_view name() const override { return "pad"; }
  Kind kind() const override { return Kind::reduce; }
  std::vector<Spec> infer(std::span<const Tensor> in) const override;
  std::vector<Tensor> vjp(
      std::span<const Tensor> in,
      std::span<const Tensor> out,
      std::span<const Tensor> dout,
      std::span<const int> wanted) const override;
  bool same(const Primitive& other) const override;
  size_t hash() const override { return 303 + size_t(o_.mode); }

 private:
  std::vector<PadWidth> widths_;
  PadOptions o_;
};

// The adjoint of Pad in modes reflect and replicate: each element of the result (the shape before
// padding) is the sum of the places that show it.
class PadGrad : public Primitive {
 public:
  PadGrad(std::vector<PadWidth> widths, PadMode mode) : widths_(std::move(widths)), mode_(mode) {}
  const std::vector<PadWidth>& widths() const { return widths_; }
  PadMode mode() const { return mode_; }

  std::string_view name() const override { return "pad_grad"; }
  Kind kind() const override { return Kind::reduce; }
  std::vector<Spec> infer(std::span<const Tensor> in) const override;
  std::vector<Tensor> vjp(
      std::span<const Tensor> in,
      std::span<const Tensor> out,
      std::span<const Tensor> dout,
      std::span<const int> wanted) const override;
  bool same(const Primitive& other) const override;
  size_t hash() const override { return 306 + size_t(mode_); }

 private:
  std::vector<PadWidth> widths_;
  PadMode mode_;
};

}  // namespace fovea
