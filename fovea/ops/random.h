#pragma once

#include "fovea/core/primitive.h"
#include "fovea/core/random.h"

// Random tensors, each a function of its key alone: element i is made from lane i % 4 of block
// i / 4 of the key's stream, so neither the number of threads nor the backend changes it. Use
// key.fold_in to get independent keys.
namespace fovea {

Tensor random_uniform(const Shape& shape, Key key, double lo = 0, double hi = 1);  // f32, [lo, hi)
Tensor random_normal(const Shape& shape, Key key, double mean = 0, double std = 1);  // f32
Tensor random_bernoulli(const Shape& shape, Key key, double p);  // bool, true with probability p
Tensor random_permutation(int64_t n, Key key);  // i32 (n), each order equally likely

struct DropoutOptions {
  bool channels = false;  // drop whole channels of (N, ..., C)
};

// Sets each element to 0 with probability `rate` in [0, 1) and divides the others by 1 - rate, so
// that the mean stays (Srivastava et al. 2014, "Dropout"; inverted, nothing to do when testing).
// The gradient drops the same elements: the mask is made again from the key, not kept.
Tensor dropout(const Tensor& x, double rate, Key key, const DropoutOptions& o = {});

enum class RandomKind : uint8_t { uniform, normal, bernoulli };

// Filled from `key`; a and b are lo and hi, mean and standard deviation, or p.
class Random : public Primitive {
 public:
  Random(RandomKind what, const Shape& shape, Key key, double a, double b)
      : what_(what), shape_(shape), key_(key), a_(a), b_(b) {}
  RandomKind what() const { return what_; }
  Key key() const { return key_; }
  double a() const { return a_; }
  double b() const { return b_; }

  std::string_view name() const override;
  Kind kind() const override { return Kind::random; }
  std::vector<Spec> infer(std::span<const Tensor> in) const override;
  bool same(const Primitive& other) const override;
  size_t hash() const override { return 360 + size_t(what_); }

 private:
  RandomKind what_;
  Shape shape_;
  Key key_;
  double a_, b_;
};

class Dropout : public Primitive {
 public:
  Dropout(double rate, Key key, bool channels) : rate_(rate), key_(key), channels_(channels) {}
  double rate() const { return rate_; }
  Key key() const { return key_; }
  bool channels() const { return channels_; }

  std::string_view name() const override { return "dropout"; }
  Kind kind() const override { return Kind::elementwise; }
  std::vector<Spec> infer(std::span<const Tensor> in) const override;
  std::vector<Tensor> vjp(
      std::span<const Tensor> in,
      std::span<const Tensor> out,
      std::span<const Tensor> dout,
      std::span<const int> wanted) const override;
  bool same(const Primitive& other) const override;
  size_t hash() const override { return 364 + size_t(channels_); }

 private:
  double rate_;
  Key key_;
  bool channels_;
};

}  // namespace fovea
