#include "fovea/core/dtype.h"

#include <bit>
#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "tests/support/check_op.h"

namespace fovea {
namespace {

const Dtype all[] = {
    Dtype::boolean,
    Dtype::u8,
    Dtype::i8,
    Dtype::i32,
    Dtype::i64,
    Dtype::f16,
    Dtype::bf16,
    Dtype::f32,
    Dtype::f64};

TEST(Dtype, HasSizesAndNames) {
  EXPECT_EQ(size_of(Dtype::boolean), 1u);
  EXPECT_EQ(size_of(Dtype::bf16), 2u);
  EXPECT_EQ(size_of(Dtype::f64), 8u);
  EXPECT_EQ(name_of(Dtype::boolean), "bool");
  EXPECT_EQ(name_of(Dtype::f32), "f32");
  EXPECT_TRUE(is_float(Dtype::f16));
  EXPECT_FALSE(is_float(Dtype::i64));
}

TEST(Dtype, PromotesToTheWider) {
  EXPECT_EQ(promote(Dtype::f32, Dtype::i64), Dtype::f32);
  EXPECT_EQ(promote(Dtype::f32, Dtype::f64), Dtype::f64);
  EXPECT_EQ(promote(Dtype::bf16, Dtype::f32), Dtype::f32);
  EXPECT_EQ(promote(Dtype::f16, Dtype::bf16), Dtype::f32);
  EXPECT_EQ(promote(Dtype::u8, Dtype::i8), Dtype::i32);
  EXPECT_EQ(promote(Dtype::boolean, Dtype::u8), Dtype::u8);
  EXPECT_EQ(promote(Dtype::i64, Dtype::f16), Dtype::f16);
  for (Dtype a : all) {
    EXPECT_EQ(promote(a, a), a);
    for (Dtype b : all) {
      EXPECT_EQ(promote(a, b), promote(b, a));
      EXPECT_EQ(is_float(promote(a, b)), is_float(a) || is_float(b));
    }
  }
}

TEST(Dtype, RefusesToComputeInHalves) {
  EXPECT_EQ(
      test::message_of([] { visit_real(Dtype::f16, []<class T>() {}); }),
      "expected dtype f32 or f64, got f16");
}

// A small binary format: `mantissa` bits below the leading one, smallest normal exponent `lowest`.
struct Format {
  int mantissa, lowest;
  double overflow;  // rounds to infinity from here on
};
const Format half{10, -14, 65520}, brain{7, -126, 0x1.FFp127};

// Rounds to nearest, ties to even, in double, which holds every intermediate exactly.
double rounded(float x, const Format& f) {
  if (std::isnan(x) || std::isinf(x) || x == 0) return x;
  if (std::abs(double(x)) >= f.overflow) return std::copysign(INFINITY, x);
  int exponent = std::max(std::ilogb(x), f.lowest);
  double quantum = std::ldexp(1.0, exponent - f.mantissa);
  return std::copysign(std::nearbyint(double(x) / quantum) * quantum, x);
}

// The value of a bit pattern with one sign bit, then exponent, then mantissa.
double decoded(uint16_t bits, const Format& f) {
  int exponent_bits = 15 - f.mantissa, top = (1 << exponent_bits) - 1;
  int exponent = bits >> f.mantissa & top, fraction = bits & ((1 << f.mantissa) - 1);
  double sign = bits >> 15 ? -1 : 1;
  if (exponent == top) return fraction ? NAN : sign * INFINITY;
  if (exponent == 0) return sign * std::ldexp(fraction, f.lowest - f.mantissa);
  return sign * std::ldexp(fraction + (1 << f.mantissa), f.lowest + exponent - 1 - f.mantissa);
}

template <class T>
void expect_rounded(float x, const Format& f) {
  float got = float(T(x));
  double expected = rounded(x, f);
  if (std::isnan(expected)) {
    ASSERT_TRUE(std::isnan(got)) << std::bit_cast<uint32_t>(x);
  } else {
    ASSERT_EQ(double(got), expected) << x;
    ASSERT_EQ(std::signbit(got), std::signbit(x)) << x;
  }
}

template <class T>
void check_format(const Format& f) {
  for (uint32_t bits = 0; bits < 65536; ++bits) {
    T value;
    value.bits = uint16_t(bits);
    double expected = decoded(uint16_t(bits), f);
    if (std::isnan(expected)) {
      ASSERT_TRUE(std::isnan(float(value)));
      ASSERT_TRUE(std::isnan(float(T(float(value)))));
      continue;
    }
    ASSERT_EQ(double(float(value)), expected) << bits;
    ASSERT_EQ(T(float(value)).bits, bits);
    // The border to the next value, where rounding turns, and its neighbours.
    uint16_t above = uint16_t(bits + 1);
    double next = decoded(above, f);
    if (!std::isfinite(expected) || !std::isfinite(next) || (bits & 0x7fff) == 0x7fff) continue;
    auto border = float((expected + next) / 2);
    for (float x : {border, std::nextafterf(border, INFINITY), std::nextafterf(border, -INFINITY)})
      expect_rounded<T>(x, f);
  }
  // Floats spread over all bit patterns.
  for (uint64_t bits = 0; bits < uint64_t(1) << 32; bits += 1999)
    expect_rounded<T>(std::bit_cast<float>(uint32_t(bits)), f);
  for (double x : {f.overflow, std::nextafter(f.overflow, 0)}) expect_rounded<T>(float(x), f);
  using Limits = std::numeric_limits<float>;
  for (float x : {Limits::max(), Limits::lowest(), Limits::denorm_min(), Limits::infinity(), -0.0f})
    expect_rounded<T>(x, f);
}

TEST(Float16, ConvertsLikeRoundingInDouble) { check_format<float16>(half); }
TEST(Bfloat16, ConvertsLikeRoundingInDouble) { check_format<bfloat16>(brain); }

}  // namespace
}  // namespace fovea
