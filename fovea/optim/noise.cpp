#include "fovea/optim/noise.h"

#include <cmath>
#include <stdexcept>

#include <fmt/format.h>

#include "fovea/ops/elementwise.h"
#include "fovea/ops/random.h"

namespace fovea::optim {

namespace {

template <class F>
Tree keyed(const Tree& tensors, Key key, F f) {
  Tree out;
  uint64_t i = 0;
  for (const auto& [name, t] : tensors) out.emplace(name, f(t, key.fold_in(i++)));
  return out;
}

}  // namespace

Tree with_noise(const Tree& tensors, double std, Key key) {
  if (!(std >= 0) || !std::isfinite(std))
    throw std::invalid_argument(
        fmt::format("[with_noise] expected a finite deviation of at least 0, got {}", std));
  return keyed(tensors, key, [std](const Tensor& t, Key k) {
    return t.is_empty() ? t : t + cast(random_normal(t.shape(), k, 0, std), t.dtype());
  });
}

double gradient_noise_std(double eta, int64_t step) {
  if (!(eta >= 0) || step < 0)
    throw std::invalid_argument(fmt::format(
        "[gradient_noise] expected eta and a step of at least 0, got {} and {}", eta, step));
  return std::sqrt(eta / std::pow(1 + double(step), 0.55));
}

Tree drop_connect(const Tree& weights, double rate, Key key) {
  return keyed(weights, key, [rate](const Tensor& w, Key k) { return dropout(w, rate, k); });
}

}  // namespace fovea::optim
