#include "fovea/ops/random.h"

#include <numeric>
#include <stdexcept>

#include <fmt/format.h>

namespace fovea {

namespace {

Tensor random(RandomKind what, const Shape& shape, Key key, double a, double b) {
  return Tensor::output_of(std::make_shared<Random>(what, shape, key, a, b), {});
}

}  // namespace

std::string_view Random::name() const {
  static constexpr const char* names[] = {"random_uniform", "random_normal", "random_bernoulli"};
  return names[size_t(what_)];
}

std::vector<Spec> Random::infer(std::span<const Tensor>) const {
  return {{shape_, what_ == RandomKind::bernoulli ? Dtype::boolean : Dtype::f32}};
}

bool Random::same(const Primitive& other) const {
  auto* o = dynamic_cast<const Random*>(&other);
  return o && o->what_ == what_ && o->shape_ == shape_ && o->key_ == key_ && o->a_ == a_ &&
         o->b_ == b_;
}

std::vector<Spec> Dropout::infer(std::span<const Tensor> in) const {
  if (!is_float(in[0].dtype()))
    throw std::invalid_argument(
        fmt::format("[dropout] expected a floating dtype, got {}; cast it first", in[0].str()));
  if (channels_ && in[0].rank() < 2)
    throw std::invalid_argument(fmt::format(
        "[dropout] expected (N, ..., C) to drop channels of, got shape {}", in[0].shape().str()));
  return {{in[0].shape(), in[0].dtype()}};
}

std::vector<Tensor> Dropout::vjp(
    std::span<const Tensor>,
    std::span<const Tensor>,
    std::span<const Tensor> dout,
    std::span<const int>) const {
  return {dropout(dout[0], rate_, key_, {.channels = channels_})};
}

bool Dropout::same(const Primitive& other) const {
  auto* o = dynamic_cast<const Dropout*>(&other);
  return o && o->rate_ == rate_ && o->key_ == key_ && o->channels_ == channels_;
}

Tensor random_uniform(const Shape& shape, Key key, double lo, double hi) {
  if (!(lo < hi))
    throw std::invalid_argument(
        fmt::format("[random_uniform] expected lo below hi, got {} and {}", lo, hi));
  return random(RandomKind::uniform, shape, key, lo, hi);
}

Tensor random_normal(const Shape& shape, Key key, double mean, double std) {
  if (!(std >= 0))
    throw std::invalid_argument(
        fmt::format("[random_normal] expected a standard deviation of 0 or more, got {}", std));
  return random(RandomKind::normal, shape, key, mean, std);
}

Tensor random_bernoulli(const Shape& shape, Key key, double p) {
  if (!(p >= 0 && p <= 1))
    throw std::invalid_argument(
        fmt::format("[random_bernoulli] expected a probability in [0, 1], got {}", p));
  return random(RandomKind::bernoulli, shape, key, p, 0);
}

Tensor random_permutation(int64_t n, Key key) {
  Tensor order = Tensor::empty({n}, Dtype::i32);
  auto values = order.mutable_data<int32_t>();
  std::iota(values.begin(), values.end(), 0);
  Rng rng(key);
  for (int64_t i = n - 1; i > 0; --i)  // Fisher and Yates
    std::swap(values[size_t(i)], values[rng.below(uint64_t(i) + 1)]);
  return order;
}

Tensor dropout(const Tensor& x, double rate, Key key, const DropoutOptions& o) {
  if (!(rate >= 0 && rate < 1))
    throw std::invalid_argument(fmt::format(
        "[dropout] expected a rate (the share that is dropped) in [0, 1), got {}", rate));
  if (rate == 0) return x;
  return Tensor::output_of(std::make_shared<Dropout>(rate, key, o.channels), {x});
}

}  // namespace fovea
