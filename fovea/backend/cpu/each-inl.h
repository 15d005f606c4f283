// Included once per instruction set, by files that Highway compiles several times.
#if defined(FOVEA_BACKEND_CPU_EACH_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef FOVEA_BACKEND_CPU_EACH_INL_H_
#undef FOVEA_BACKEND_CPU_EACH_INL_H_
#else
#define FOVEA_BACKEND_CPU_EACH_INL_H_
#endif

#include <type_traits>
#include <utility>

#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace fovea::cpu::HWY_NAMESPACE {

// Calls f(0), ..., f(N - 1) with numbers known to the compiler, so that arrays become registers.
template <int... I, class F>
HWY_INLINE void Each(std::integer_sequence<int, I...>, const F& f) {
  (f(std::integral_constant<int, I>()), ...);
}
template <int N, class F>
HWY_INLINE void Each(const F& f) {
  Each(std::make_integer_sequence<int, N>(), f);
}

}  // namespace fovea::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
