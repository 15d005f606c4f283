// Included once per instruction set, by files that Highway compiles several times.
#if defined(FOVEA_BACKEND_CPU_DIRECT_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef FOVEA_BACKEND_CPU_DIRECT_INL_H_
#undef FOVEA_BACKEND_CPU_DIRECT_INL_H_
#else
#define FOVEA_BACKEND_CPU_DIRECT_INL_H_
#endif

#include <algorithm>
#include <cstdint>
#include <type_traits>

#include <hwy/highway.h>

#include "fovea/backend/cpu/each-inl.h"

HWY_BEFORE_NAMESPACE();
namespace fovea::cpu::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// Filters are cut into blocks of four vectors, the last with as many as it needs. The weights of a
// block are (taps, filters), those of all blocks one after another. Wider vectors would be emptier.
using DirectTag = hn::CappedTag<float, 8>;
using DirectVec = hn::Vec<DirectTag>;
constexpr int64_t kLanes = int64_t(hn::MaxLanes(DirectTag()));

// The first `count` numbers at `from`, and zeros after; nothing else is read, or written.
HWY_INLINE DirectVec LoadFirst(const float* from, int64_t count) {
  alignas(64) float numbers[kLanes] = {};
  std::copy_n(from, count, numbers);
  return hn::Load(DirectTag(), numbers);
}
HWY_INLINE void StoreFirst(DirectVec v, int64_t count, float* to) {
  alignas(64) float numbers[kLanes];
  hn::Store(v, DirectTag(), numbers);
  std::copy_n(numbers, count, to);
}

// Calls f(n, first, filters) for each block, n being its number of vectors, known to the compiler.
template <int Vectors = 4, class F>
HWY_INLINE void WithVectors(int64_t first, int64_t filters, const F& f) {
  if constexpr (Vectors > 1)
    if (filters <= (Vectors - 1) * kLanes) return WithVectors<Vectors - 1>(first, filters, f);
  f(std::integral_constant<int, Vectors>(), first, filters);
}
template <class F>
HWY_INLINE void ForBlocks(int64_t out, const F& f) {
  for (int64_t first = 0; first < out; first += 4 * kLanes)
    WithVectors(first, std::min(out - first, 4 * kLanes), f);
}

}  // namespace fovea::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
