#include "fovea/core/dtype.h"

#include <algorithm>
#include <cmath>

namespace fovea {

size_t size_of(Dtype t) {
  return visit_dtype(t, []<class T>() { return sizeof(T); });
}

std::string_view name_of(Dtype t) {
  switch (t) {
    case Dtype::f32:
      return "f32";
    case Dtype::bf16:
      return "bf16";
    case Dtype::f16:
      return "f16";
    case Dtype::f64:
      return "f64";
    case Dtype::i8:
      return "i8";
    case Dtype::u8:
      return "u8";
    case Dtype::i32:
      return "i32";
    case Dtype::i64:
      return "i64";
    case Dtype::boolean:
      return "bool";
  }
  return "?";
}

bool is_float(Dtype t) {
  return t == Dtype::f32 || t == Dtype::bf16 || t == Dtype::f16 || t == Dtype::f64;
}

namespace {

// Position in the promotion order; i8 and u8 meet in i32, bf16 and f16 in f32.
int rank(Dtype t) {
  switch (t) {
    case Dtype::boolean:
      return 0;
    case Dtype::u8:
      return 1;
    case Dtype::i8:
      return 2;
    case Dtype::i32:
      return 3;
    case Dtype::i64:
      return 4;
    case Dtype::f16:
      return 5;
    case Dtype::bf16:
      return 6;
    case Dtype::f32:
      return 7;
    case Dtype::f64:
      return 8;
  }
  return 0;
}

}  // namespace

Dtype promote(Dtype a, Dtype b) {
  if (a == b) return a;
  if (rank(a) > rank(b)) std::swap(a, b);
  if (a == Dtype::u8 && b == Dtype::i8) return Dtype::i32;
  if (a == Dtype::f16 && b == Dtype::bf16) return Dtype::f32;
  return b;
}

bfloat16::bfloat16(float value) {
  uint32_t u = std::bit_cast<uint32_t>(value);
  if (std::isnan(value)) {
    bits = uint16_t((u >> 16) | 0x40);  // keep a NaN a NaN when the payload is cut
    return;
  }
  bits = uint16_t((u + 0x7fff + ((u >> 16) & 1)) >> 16);
}

float16::float16(float value) {
  uint32_t u = std::bit_cast<uint32_t>(value);
  uint32_t sign = (u >> 16) & 0x8000, magnitude = u & 0x7fffffff;
  if (magnitude >= 0x7f800000) {  // infinity and NaN
    bits = uint16_t(sign | 0x7c00 | (magnitude > 0x7f800000 ? 0x200 : 0));
  } else if (magnitude >= 0x477ff000) {  // rounds past 65504
    bits = uint16_t(sign | 0x7c00);
  } else if (magnitude < 0x38800000) {  // subnormal half: add a bias so the FPU rounds for us
    float shifted = std::bit_cast<float>(magnitude) + 0.5f;
    bits = uint16_t(sign | (std::bit_cast<uint32_t>(shifted) - 0x3f000000));
  } else {
    uint32_t odd = (magnitude >> 13) & 1;
    bits = uint16_t(sign | ((magnitude - 0x38000000 + 0xfff + odd) >> 13));
  }
}

float16::operator float() const {
  uint32_t sign = uint32_t(bits & 0x8000) << 16, exponent = (bits >> 10) & 31,
           mantissa = bits & 0x3ff;
  if (exponent == 31) return std::bit_cast<float>(sign | 0x7f800000 | (mantissa << 13));
  if (exponent == 0) {
    float magnitude = std::ldexp(float(mantissa), -24);
    return sign ? -magnitude : magnitude;
  }
  return std::bit_cast<float>(sign | ((exponent + 112) << 23) | (mantissa << 13));
}

}  // namespace fovea
