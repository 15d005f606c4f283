#include "fovea/nn/init.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include <fmt/format.h>

namespace fovea::nn {

Init constant(double value) { return {.scale = value}; }
Init normal(double std) { return {.rule = Init::Rule::normal, .scale = std}; }
Init uniform(double bound) { return {.rule = Init::Rule::uniform, .scale = bound}; }
Init xavier_normal(Init::Fan fan) {
  return {.rule = Init::Rule::fan_normal, .fan = fan, .scale = 1};
}
Init xavier_uniform(Init::Fan fan) {
  return {.rule = Init::Rule::fan_uniform, .fan = fan, .scale = 1};
}
Init he_normal(Init::Fan fan) { return {.rule = Init::Rule::fan_normal, .fan = fan, .scale = 2}; }
Init he_uniform(Init::Fan fan) { return {.rule = Init::Rule::fan_uniform, .fan = fan, .scale = 2}; }
Init lecun_uniform() { return {.rule = Init::Rule::fan_uniform, .scale = 1.0 / 3}; }
Init sparse(int count, double std) {
  return {.rule = Init::Rule::sparse, .scale = std, .count = count};
}
Init identity() { return {.rule = Init::Rule::identity}; }

namespace {

double fan_of(Init::Fan fan, const Shape& shape) {
  if (shape.rank() < 2) return double(std::max<int64_t>(shape.numel(), 1));
  double out = double(shape[0]), in = double(shape.back());
  double field = double(shape.numel()) / std::max(out * in, 1.0);  // kernel height times width
  switch (fan) {
    case Init::Fan::in:
      return in * field;
    case Init::Fan::out:
      return out * field;
    case Init::Fan::average:
      return (in + out) / 2 * field;
  }
  return 1;
}

void fill_sparse(std::span<float> values, const Shape& shape, const Init& init, Rng& rng) {
  int64_t rows = shape[0], columns = shape.numel() / std::max<int64_t>(rows, 1);
  std::vector<int64_t> order(size_t(columns), 0);
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = 0; c < columns; ++c) order[size_t(c)] = c;
    for (int64_t k = 0; k < std::min<int64_t>(init.count, columns);
         ++k) {  // the first `count` places of a shuffle
      std::swap(order[size_t(k)], order[size_t(k) + rng.below(uint64_t(columns - k))]);
      values[size_t(r * columns + order[size_t(k)])] = float(init.scale * rng.normal());
    }
  }
}

void fill_identity(std::span<float> values, const Shape& shape) {
  int64_t out = shape[0], in = shape.back(), field = shape.numel() / std::max<int64_t>(out * in, 1);
  for (int64_t i = 0; i < std::min(out, in); ++i)
    values[size_t((i * field + field / 2) * in + i)] = 1;
}

}  // namespace

Tensor make(const Init& init, const Shape& shape, Key key) {
  Tensor t = Tensor::empty(shape);
  auto values = t.mutable_data<float>();
  Rng rng(key);
  std::ranges::fill(values, 0.f);
  double variance = init.scale / fan_of(init.fan, shape);
  switch (init.rule) {
    case Init::Rule::constant:
      std::ranges::fill(values, float(init.scale));
      break;
    case Init::Rule::normal:
      for (float& v : values) v = float(init.scale * rng.normal());
      break;
    case Init::Rule::uniform:
      for (float& v : values) v = float(rng.uniform(-init.scale, init.scale));
      break;
    case Init::Rule::fan_normal:
      for (float& v : values) v = float(std::sqrt(variance) * rng.normal());
      break;
    case Init::Rule::fan_uniform: {
      double bound = std::sqrt(3 * variance);  // the uniform of that variance
      for (float& v : values) v = float(rng.uniform(-bound, bound));
      break;
    }
    case Init::Rule::sparse:
      fill_sparse(values, shape, init, rng);
      break;
    case Init::Rule::identity:
      fill_identity(values, shape);
      break;
  }
  return t;
}

Init init_named(std::string_view name) {
  if (name == "zeros") return constant(0);
  if (name == "ones") return constant(1);
  if (name == "small_normal") return normal(0.01);
  if (name == "unit_normal") return normal(1);
  if (name == "xavier_normal") return xavier_normal();
  if (name == "xavier_uniform") return xavier_uniform();
  if (name == "he_normal") return he_normal();
  if (name == "he_uniform") return he_uniform();
  if (name == "lecun_uniform") return lecun_uniform();
  if (name == "identity") return identity();
  if (name == "sparse") return sparse(10, std::sqrt(2 / 10.0));
  throw std::invalid_argument(fmt::format(
      "unknown initialiser \"{}\"; known: zeros, ones, small_normal, unit_normal, xavier_normal, "
      "xavier_uniform, he_normal, he_uniform, lecun_uniform, identity, sparse",
      name));
}

}  // namespace fovea::nn
