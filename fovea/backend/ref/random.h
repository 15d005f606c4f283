#pragma once

#include <algorithm>
#include <cmath>
#include <numbers>

#include "fovea/core/kernel.h"
#include "fovea/core/random.h"

// How 32 random bits become numbers, the same on every host backend.
namespace fovea::ref {

// [lo, hi), also where rounding would reach hi.
inline float uniform_from(uint32_t bits, float lo, float hi) {
  float x = lo + (hi - lo) * to_unit(bits);
  return x < hi ? x : std::nextafter(hi, lo);
}

// Two independent standard normal numbers (Box and Muller 1958) from two words of 32 bits.
inline void normal_pair(uint32_t bits0, uint32_t bits1, float* z0, float* z1) {
  float u = 1 - to_unit(bits0);  // (0, 1]
  float radius = std::sqrt(-2 * std::log(u));
  float angle = 2 * std::numbers::pi_v<float> * to_unit(bits1);
  *z0 = radius * std::cos(angle);
  *z1 = radius * std::sin(angle);
}

// The bits below which to_unit(bits) < p.
inline uint64_t threshold_of(double p) { return uint64_t(std::ceil(p * 0x1.0p24)) << 8; }

void dropout(const Primitive&, std::span<const Tensor> in, std::span<Tensor> out, Run&);

}  // namespace fovea::ref
