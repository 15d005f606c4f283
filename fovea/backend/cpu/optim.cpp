// The optimisers' updates: one pass over memory each, and bound by it. SGD with momentum reads
// three arrays and writes two, 20 bytes a parameter; Adam reads four and writes three, 28 bytes.

// foreach_target.h includes this file once per instruction set, so it comes first.
// clang-format off
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "fovea/backend/cpu/optim.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>
// clang-format on

#include "fovea/backend/ref/optim.h"

#include <array>
#include <cmath>

#include "fovea/backend/cpu/cpu.h"
#include "fovea/backend/cpu/parallel.h"
#include "fovea/ops/update.h"

#ifndef FOVEA_BACKEND_CPU_OPTIM_ARRAYS
#define FOVEA_BACKEND_CPU_OPTIM_ARRAYS
namespace fovea::cpu {

// The arrays of one update; an output may be the same memory as an input.
struct UpdateArrays {
  const float *p, *g;
  std::array<const float*, 3> state;
  float* new_p;
  std::array<float*, 3> new_state;
};

}  // namespace fovea::cpu
#endif

HWY_BEFORE_NAMESPACE();
namespace fovea::cpu::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;

HWY_INLINE V Splat(double x) { return hn::Set(D(), float(x)); }

// p' = f(p, s0, s1, s2, g) over [begin, end), of which the first kStates states are read and
// written. The tail goes through padded buffers, so that f is written once and rounds alike.
template <int kStates, class F>
HWY_INLINE void ForElements(const UpdateArrays& a, int64_t begin, int64_t end, F f) {
  const D d;
  const auto lanes = int64_t(hn::Lanes(d));
  int64_t i = begin;
  for (; i + lanes <= end; i += lanes) {
    V p = hn::LoadU(d, a.p + i), g = hn::LoadU(d, a.g + i);
    V s0 = hn::Zero(d), s1 = s0, s2 = s0;
    if constexpr (kStates > 0) s0 = hn::LoadU(d, a.state[0] + i);
    if constexpr (kStates > 1) s1 = hn::LoadU(d, a.state[1] + i);
    if constexpr (kStates > 2) s2 = hn::LoadU(d, a.state[2] + i);
    hn::StoreU(f(p, s0, s1, s2, g), d, a.new_p + i);
    if constexpr (kStates > 0) hn::StoreU(s0, d, a.new_state[0] + i);
    if constexpr (kStates > 1) hn::StoreU(s1, d, a.new_state[1] + i);
    if constexpr (kStates > 2) hn::StoreU(s2, d, a.new_state[2] + i);
  }
  if (i == end) return;
  HWY_ALIGN float tail[5][hn::MaxLanes(d)] = {};
  for (int64_t k = i; k < end; ++k) {
    tail[3][k - i] = a.p[k];
    tail[4][k - i] = a.g[k];
    for (int j = 0; j < kStates; ++j) tail[j][k - i] = a.state[size_t(j)][k];
  }
  V s0 = hn::Load(d, tail[0]), s1 = hn::Load(d, tail[1]), s2 = hn::Load(d, tail[2]);
  hn::Store(f(hn::Load(d, tail[3]), s0, s1, s2, hn::Load(d, tail[4])), d, tail[3]);
  hn::Store(s0, d, tail[0]);
  hn::Store(s1, d, tail[1]);
  hn::Store(s2, d, tail[2]);
  for (int64_t k = i; k < end; ++k) {
    a.new_p[k] = tail[3][k - i];
    for (int j = 0; j < kStates; ++j) a.new_state[size_t(j)][k] = tail[j][k - i];
  }
}

void SgdLoop(const SgdUpdate::Rule& r, const UpdateArrays& a, int64_t begin, int64_t end) {
  const V lr = Splat(r.lr), momentum = Splat(r.momentum), decay = Splat(r.weight_decay);
  const V share = Splat(1 - r.dampening);
  if (r.momentum == 0) {
    ForElements<0>(a, begin, end, [&](V p, V&, V&, V&, V g) HWY_ATTR {
      return hn::NegMulAdd(lr, hn::MulAdd(decay, p, g), p);
    });
  } else if (r.nesterov) {
    ForElements<1>(a, begin, end, [&](V p, V& v, V&, V&, V g) HWY_ATTR {
      g = hn::MulAdd(decay, p, g);
      v = hn::MulAdd(momentum, v, hn::Mul(share, g));
      return hn::NegMulAdd(lr, hn::MulAdd(momentum, v, g), p);
    });
  } else {
    ForElements<1>(a, begin, end, [&](V p, V& v, V&, V&, V g) HWY_ATTR {
      g = hn::MulAdd(decay, p, g);
      v = hn::MulAdd(momentum, v, hn::Mul(share, g));
      return hn::NegMulAdd(lr, v, p);
    });
  }
}

void AdagradLoop(const AdagradUpdate::Rule& r, const UpdateArrays& a, int64_t begin, int64_t end) {
  const V lr = Splat(r.lr), eps = Splat(r.eps), decay = Splat(r.weight_decay);
  ForElements<1>(a, begin, end, [&](V p, V& s, V&, V&, V g) HWY_ATTR {
    g = hn::MulAdd(decay, p, g);
    s = hn::MulAdd(g, g, s);
    return hn::NegMulAdd(lr, hn::Div(g, hn::Add(hn::Sqrt(s), eps)), p);
  });
}

template <bool kCentered, bool kMomentum>
HWY_INLINE void Rmsprop(
    const RmspropUpdate::Rule& r, const UpdateArrays& a, int64_t begin, int64_t end) {
  const V lr = Splat(r.lr), eps = Splat(r.eps), decay = Splat(r.weight_decay);
  const V alpha = Splat(r.alpha), rest = Splat(1 - r.alpha), momentum = Splat(r.momentum);
  auto step = [&](V p, V& s, V& s1, V& s2, V g) HWY_ATTR {
    g = hn::MulAdd(decay, p, g);
    s = hn::MulAdd(alpha, s, hn::Mul(rest, hn::Mul(g, g)));
    V variance = s;
    if constexpr (kCentered) {
      s1 = hn::MulAdd(alpha, s1, hn::Mul(rest, g));
      variance = hn::Max(hn::NegMulAdd(s1, s1, s), hn::Zero(D()));
    }
    V x = hn::Div(g, hn::Add(hn::Sqrt(variance), eps));
    if constexpr (kMomentum) {
      V& v = kCentered ? s2 : s1;
      x = v = hn::MulAdd(momentum, v, x);
    }
    return hn::NegMulAdd(lr, x, p);
  };
  ForElements<1 + kCentered + kMomentum>(a, begin, end, step);
}

void RmspropLoop(const RmspropUpdate::Rule& r, const UpdateArrays& a, int64_t begin, int64_t end) {
  if (r.centered && r.momentum != 0)
    Rmsprop<true, true>(r, a, begin, end);
  else if (r.centered)
    Rmsprop<true, false>(r, a, begin, end);
  else if (r.momentum != 0)
    Rmsprop<false, true>(r, a, begin, end);
  else
    Rmsprop<false, false>(r, a, begin, end);
}

void AdadeltaLoop(
    const AdadeltaUpdate::Rule& r, const UpdateArrays& a, int64_t begin, int64_t end) {
  const V lr = Splat(r.lr), eps = Splat(r.eps), decay = Splat(r.weight_decay);
  const V rho = Splat(r.rho), rest = Splat(1 - r.rho);
  ForElements<2>(a, begin, end, [&](V p, V& s, V& u, V&, V g) HWY_ATTR {
    g = hn::MulAdd(decay, p, g);
    s = hn::MulAdd(rho, s, hn::Mul(rest, hn::Mul(g, g)));
    V x = hn::Mul(hn::Sqrt(hn::Div(hn::Add(u, eps), hn::Add(s, eps))), g);
    u = hn::MulAdd(rho, u, hn::Mul(rest, hn::Mul(x, x)));
    return hn::NegMulAdd(lr, x, p);
  });
}

// With a = lr / correction1 and b = 1 / sqrt(correction2): p' = shrink p - a m' / (b sqrt(s') +
// eps).
void AdamLoop(const AdamUpdate::Rule& r, const UpdateArrays& a, int64_t begin, int64_t end) {
  const V lr = Splat(r.lr / r.correction1), root = Splat(1 / std::sqrt(r.correction2));
  const V eps = Splat(r.eps), decay = Splat(r.weight_decay), shrink = Splat(r.shrink);
  const V beta1 = Splat(r.beta1), rest1 = Splat(1 - r.beta1);
  const V beta2 = Splat(r.beta2), rest2 = Splat(1 - r.beta2);
  ForElements<2>(a, begin, end, [&](V p, V& m, V& s, V&, V g) HWY_ATTR {
    g = hn::MulAdd(decay, p, g);
    m = hn::MulAdd(beta1, m, hn::Mul(rest1, g));
    s = hn::MulAdd(beta2, s, hn::Mul(rest2, hn::Mul(g, g)));
    V x = hn::Div(m, hn::MulAdd(root, hn::Sqrt(s), eps));
    return hn::NegMulAdd(lr, x, hn::Mul(shrink, p));
  });
}

void AverageLoop(double weight, const UpdateArrays& a, int64_t begin, int64_t end) {
  const V w = Splat(weight);
  ForElements<0>(a, begin, end, [&](V p, V&, V&, V&, V g) HWY_ATTR {
    return hn::MulAdd(w, hn::Sub(g, p), p);
  });
}

}  // namespace fovea::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fovea::cpu {

namespace {

HWY_EXPORT(SgdLoop);
HWY_EXPORT(AdagradLoop);
HWY_EXPORT(RmspropLoop);
HWY_EXPORT(AdadeltaLoop);
HWY_EXPORT(AdamLoop);
HWY_EXPORT(AverageLoop);

constexpr int64_t grain = 16 * 1024;  // elements a thread should have at least

template <class Loop, class Rule>
void run_loop(Loop loop, const Rule& rule, std::span<const Tensor> in, std::span<Tensor> out) {
  UpdateArrays a{};
  a.p = in[0].data<float>().data();
  a.g = in.back().data<float>().data();
  a.new_p = out[0].mutable_data<float>().data();
  for (size_t k = 0; k + 1 < out.size(); ++k) {
    a.state[k] = in[k + 1].data<float>().data();
    a.new_state[k] = out[k + 1].mutable_data<float>().data();
  }
  parallel_for(
      out[0].numel(), grain, [&](int64_t begin, int64_t end) { loop(rule, a, begin, end); });
}

// The kernel of primitive P: `Loop` for f32, the reference kernel for f64.
#define FOVEA_UPDATE_KERNEL(name, P, Loop, rule)                                                 \
  void name(                                                                                     \
      const Primitive& primitive, std::span<const Tensor> in, std::span<Tensor> out, Run& run) { \
    if (out[0].dtype() != Dtype::f32) return ref::name(primitive, in, out, run);                 \
    run_loop(HWY_DYNAMIC_DISPATCH(Loop), static_cast<const P&>(primitive).rule(), in, out);      \
  }
FOVEA_UPDATE_KERNEL(sgd_update, SgdUpdate, SgdLoop, rule)
FOVEA_UPDATE_KERNEL(adagrad_update, AdagradUpdate, AdagradLoop, rule)
FOVEA_UPDATE_KERNEL(rmsprop_update, RmspropUpdate, RmspropLoop, rule)
FOVEA_UPDATE_KERNEL(adadelta_update, AdadeltaUpdate, AdadeltaLoop, rule)
FOVEA_UPDATE_KERNEL(adam_update, AdamUpdate, AdamLoop, rule)
FOVEA_UPDATE_KERNEL(average_update, AverageUpdate, AverageLoop, weight)
#undef FOVEA_UPDATE_KERNEL

}  // namespace

void register_update(KernelTable& table) {
  table.add<SgdUpdate>(Device::cpu, sgd_update);
  table.add<AdagradUpdate>(Device::cpu, adagrad_update);
  table.add<RmspropUpdate>(Device::cpu, rmsprop_update);
  table.add<AdadeltaUpdate>(Device::cpu, adadelta_update);
  table.add<AdamUpdate>(Device::cpu, adam_update);
  table.add<AverageUpdate>(Device::cpu, average_update);
}

}  // namespace fovea::cpu
#endif
