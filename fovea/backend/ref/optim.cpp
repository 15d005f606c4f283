#include "fovea/backend/ref/optim.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "fovea/backend/ref/ref.h"
#include "fovea/ops/update.h"

namespace fovea::ref {

namespace {

using State = std::array<double, 3>;

// p' = f(p, state, g) for each element, in double; f changes the state in place. An output may
// share memory with an input, so an element is read whole before it is written.
template <class F>
void for_elements(std::span<const Tensor> in, std::span<Tensor> out, F f) {
  size_t states = out.size() - 1;
  visit_real(out[0].dtype(), [&]<class T>() {
    for (size_t i = 0; i < size_t(out[0].numel()); ++i) {
      State state{};
      for (size_t k = 0; k < states; ++k) state[k] = in[k + 1].data<T>()[i];
      double p = f(double(in[0].data<T>()[i]), state, double(in.back().data<T>()[i]));
      out[0].mutable_data<T>()[i] = T(p);
      for (size_t k = 0; k < states; ++k) out[k + 1].mutable_data<T>()[i] = T(state[k]);
    }
  });
}

}  // namespace

void sgd_update(
    const Primitive& primitive, std::span<const Tensor> in, std::span<Tensor> out, Run&) {
  const auto& r = static_cast<const SgdUpdate&>(primitive).rule();
  for_elements(in, out, [&](double p, State& state, double g) {
    double& v = state[0];
    g += r.weight_decay * p;
    if (r.momentum == 0) return p - r.lr * g;
    v = r.momentum * v + (1 - r.dampening) * g;
    return p - r.lr * (r.nesterov ? g + r.momentum * v : v);
  });
}

void adagrad_update(
    const Primitive& primitive, std::span<const Tensor> in, std::span<Tensor> out, Run&) {
  const auto& r = static_cast<const AdagradUpdate&>(primitive).rule();
  for_elements(in, out, [&](double p, State& state, double g) {
    double& s = state[0];
    g += r.weight_decay * p;
    s += g * g;
    return p - r.lr * g / (std::sqrt(s) + r.eps);
  });
}

void rmsprop_update(
    const Primitive& primitive, std::span<const Tensor> in, std::span<Tensor> out, Run&) {
  const auto& r = static_cast<const RmspropUpdate&>(primitive).rule();
  for_elements(in, out, [&](double p, State& state, double g) {
    double &s = state[0], &m = state[1], &v = state[r.centered ? 2 : 1];
    g += r.weight_decay * p;
    s = r.alpha * s + (1 - r.alpha) * g * g;
    double variance = s;
    if (r.centered) {
      m = r.alpha * m + (1 - r.alpha) * g;
      variance = std::max(s - m * m, 0.0);
    }
    double x = g / (std::sqrt(variance) + r.eps);
    if (r.momentum == 0) return p - r.lr * x;
    v = r.momentum * v + x;
    return p - r.lr * v;
  });
}

void adadelta_update(
    const Primitive& primitive, std::span<const Tensor> in, std::span<Tensor> out, Run&) {
  const auto& r = static_cast<const AdadeltaUpdate&>(primitive).rule();
  for_elements(in, out, [&](double p, State& state, double g) {
    double &s = state[0], &u = state[1];
    g += r.weight_decay * p;
    s = r.rho * s + (1 - r.rho) * g * g;
    double x = std::sqrt((u + r.eps) / (s + r.eps)) * g;
    u = r.rho * u + (1 - r.rho) * x * x;
    return p - r.lr * x;
  });
}

void adam_update(
    const Primitive& primitive, std::span<const Tensor> in, std::span<Tensor> out, Run&) {
  const auto& r = static_cast<const AdamUpdate&>(primitive).rule();
  for_elements(in, out, [&](double p, State& state, double g) {
    double &m = state[0], &s = state[1];
    g += r.weight_decay * p;
    m = r.beta1 * m + (1 - r.beta1) * g;
    s = r.beta2 * s + (1 - r.beta2) * g * g;
    return r.shrink * p - r.lr * (m / r.correction1) / (std::sqrt(s / r.correction2) + r.eps);
  });
}

void average_update(
    const Primitive& primitive, std::span<const Tensor> in, std::span<Tensor> out, Run&) {
  double weight = static_cast<const AverageUpdate&>(primitive).weight();
  for_elements(in, out, [&](double p, State&, double g) { return p + weight * (g - p); });
}

void register_update(KernelTable& table) {
  table.add<SgdUpdate>(Device::ref, sgd_update);
  table.add<AdagradUpdate>(Device::ref, adagrad_update);
  table.add<RmspropUpdate>(Device::ref, rmsprop_update);
  table.add<AdadeltaUpdate>(Device::ref, adadelta_update);
  table.add<AdamUpdate>(Device::ref, adam_update);
  table.add<AverageUpdate>(Device::ref, average_update);
}

}  // namespace fovea::ref
