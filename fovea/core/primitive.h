#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

#include "fovea/core/tensor.h"

namespace fovea {

struct Spec {  // what an output will look like
  Shape shape;
  Dtype dtype = Dtype::f32;
  friend bool operator==(const Spec&, const Spec&) = default;
};

// Drives in-place execution, fusion and recomputation.
//   view         shares its input's memory; has no kernel
//   elementwise  element i of the output depends only on element i of the inputs (after
//   broadcasting) reduce, heavy, random, source as named; `source` has no tensor inputs
enum class Kind : uint8_t { view, elementwise, reduce, heavy, random, source };

struct Cost {
  double flops = 0;
  double bytes = 0;  // read and written
};

// What a node computes: its options, how it infers shapes and how it is differentiated. Immutable.
class Primitive {
 public:
  virtual ~Primitive() = default;
  virtual std::string_view name() const = 0;
  virtual Kind kind() const = 0;

  // Checks the inputs (std::invalid_argument naming the op) and describes the outputs.
  virtual std::vector<Spec> infer(std::span<const Tensor> in) const = 0;

  // The gradients of the inputs listed in `wanted`, in that order, written with ordinary ops, given
  // those of the outputs. An empty handle stands for a zero gradient, in `dout` and in the result.
  // The default throws.
  virtual std::vector<Tensor> vjp(
      std::span<const Tensor> in,
      std::span<const Tensor> out,
      std::span<const Tensor> dout,
      std::span<const int> wanted) const;

  // Whether an equal node may stand in for this one; `hash` must agree with `same`.
  virtual bool same(const Primitive& other) const { return this == &other; }
  virtual size_t hash() const { return 0; }

  // Whether an output of the same shape and dtype may take over the memory of that input: the
  // kernel reads element i of it before it writes element i, and no other.
  virtual bool may_overwrite(std::span<const Tensor> in, int input) const {
    return kind() == Kind::elementwise;
  }

  // For Kind::view: the input whose memory output i shares, and where in it the output begins.
  struct View {
    int input = 0;
    size_t offset = 0;  // bytes
  };
  virtual View view(int output, std::span<const Tensor> in) const { return {}; }

  // For the profiler; the default counts bytes only.
  virtual Cost cost(std::span<const Tensor> in, std::span<const Tensor> out) const;
};

// One whose gradients are all 0, as where its outputs only jump when the inputs change.
class ZeroGradient : public Primitive {
 public:
  std::vector<Tensor> vjp(
      std::span<const Tensor>,
      std::span<const Tensor>,
      std::span<const Tensor>,
      std::span<const int> wanted) const override {
    return std::vector<Tensor>(wanted.size());
  }
};

}  // namespace fovea
