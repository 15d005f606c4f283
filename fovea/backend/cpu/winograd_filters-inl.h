// The weights of Winograd's convolution, transformed and packed.
//
// Included once per instruction set, by files that Highway compiles several times.
#if defined(FOVEA_BACKEND_CPU_WINOGRAD_FILTERS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef FOVEA_BACKEND_CPU_WINOGRAD_FILTERS_INL_H_
#undef FOVEA_BACKEND_CPU_WINOGRAD_FILTERS_INL_H_
#else
#define FOVEA_BACKEND_CPU_WINOGRAD_FILTERS_INL_H_
#endif

#include <algorithm>

#include <hwy/highway.h>

#include "fovea/backend/cpu/winograd_job.h"
#include "fovea/backend/cpu/winograd_product-inl.h"
#include "fovea/backend/cpu/winograd_transform-inl.h"

HWY_BEFORE_NAMESPACE();
namespace fovea::cpu::HWY_NAMESPACE {

// G w G^T of a panel of filters of w (O, 3, 3, I) -> u (squares, job.in, kPanel), squares `slice`
// apart. Backward, w is turned, and its outputs are job.in.
template <int M>
HWY_NOINLINE void TransformPanel(
    const WinogradJob& job, ConvPass pass, int64_t panel, const float* w, int64_t slice, float* u) {
  constexpr int P = M + 2;
  constexpr int64_t block = 16;  // channels at a time, so that `taps` stays near
  const ProductTag d;
  HWY_ALIGN float taps[9 * block * kPanel];
  const int64_t first = panel * kPanel, filters = std::min(kPanel, job.out - first);
  if (filters < kPanel) std::fill_n(taps, 9 * block * kPanel, 0.0f);
  for (int64_t c0 = 0; c0 < job.in; c0 += block) {
    const int64_t channels = std::min(block, job.in - c0);
    for (int64_t tap = 0; tap < 9; ++tap) {
      float* to = taps + tap * block * kPanel;
      if (pass == ConvPass::forward) {
        for (int64_t k = 0; k < filters; ++k) {
          const float* from = w + ((first + k) * 9 + tap) * job.in + c0;
          for (int64_t c = 0; c < channels; ++c) to[c * kPanel + k] = from[c];
        }
      } else {
        for (int64_t c = 0; c < channels; ++c)
          std::copy_n(w + ((c0 + c) * 9 + 8 - tap) * job.out + first, filters, to + c * kPanel);
      }
    }
    for (int64_t c = 0; c < channels; ++c)
      for (int64_t k = 0; k < kPanel; k += kPanel / 2) {
        const float* from = taps + c * kPanel + k;
        float* to = u + (c0 + c) * kPanel + k;
        TransformSquare(
            d,
            typename WinogradMatrices<M>::Weights(),
            [&](int p, int q) HWY_ATTR { return hn::Load(d, from + (p * 3 + q) * block * kPanel); },
            [&](int p, int q, auto v) HWY_ATTR { hn::StoreU(v, d, to + (p * P + q) * slice); });
      }
  }
}

}  // namespace fovea::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
