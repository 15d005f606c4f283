// Included once per instruction set, by files that Highway compiles several times.
#if defined(FOVEA_BACKEND_CPU_FOR_CHANNELS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef FOVEA_BACKEND_CPU_FOR_CHANNELS_INL_H_
#undef FOVEA_BACKEND_CPU_FOR_CHANNELS_INL_H_
#else
#define FOVEA_BACKEND_CPU_FOR_CHANNELS_INL_H_
#endif

#include <cstdint>

#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace fovea::cpu::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// Calls f(d, c) for blocks of channels that begin at c and are as wide as the tag d: whole vectors,
// then fours, then ones. Where f may touch `room` elements, because those after the channels are
// written later, the rest is one whole vector.
template <class F>
HWY_INLINE void ForChannels(int64_t channels, int64_t room, F f) {
  const hn::ScalableTag<float> full;
  const hn::CappedTag<float, 4> four;
  const hn::CappedTag<float, 1> one;
  const auto lanes = int64_t(hn::Lanes(full)), few = int64_t(hn::Lanes(four));
  int64_t c = 0;
  for (; c + lanes <= channels; c += lanes) f(full, c);
  if (c < channels && c + lanes <= room) return f(full, c);
  for (; c + few <= channels; c += few) f(four, c);
  for (; c < channels; ++c) f(one, c);
}

template <class F>
HWY_INLINE void ForChannels(int64_t channels, F f) {
  ForChannels(channels, channels, f);
}

}  // namespace fovea::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
