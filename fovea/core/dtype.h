#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

namespace fovea {

// Element types. f32 is what the fast kernels compute in, f64 what the reference checks use,
// bf16 and f16 are storage only.
enum class Dtype : uint8_t { f32, bf16, f16, f64, i8, u8, i32, i64, boolean };

size_t size_of(Dtype t);            // bytes per element
std::string_view name_of(Dtype t);  // "f32", ..., "bool"
bool is_float(Dtype t);             // f32, bf16, f16, f64

// The type of `a op b`: floats win over integers, the wider wins within each; bool is the
// narrowest. bf16 with f16 gives f32.
Dtype promote(Dtype a, Dtype b);

// Brain float: the upper half of an IEEE single; conversions round to nearest even.
struct bfloat16 {
  uint16_t bits = 0;
  bfloat16() = default;
  bfloat16(float value);
  operator float() const { return std::bit_cast<float>(uint32_t(bits) << 16); }
};

// IEEE half precision; conversions round to nearest even.
struct float16 {
  uint16_t bits = 0;
  float16() = default;
  float16(float value);
  operator float() const;
};

template <class T>
struct dtype_of_t;
template <>
struct dtype_of_t<float> {
  static constexpr Dtype value = Dtype::f32;
};
template <>
struct dtype_of_t<bfloat16> {
  static constexpr Dtype value = Dtype::bf16;
};
template <>
struct dtype_of_t<float16> {
  static constexpr Dtype value = Dtype::f16;
};
template <>
struct dtype_of_t<double> {
  static constexpr Dtype value = Dtype::f64;
};
template <>
struct dtype_of_t<int8_t> {
  static constexpr Dtype value = Dtype::i8;
};
template <>
struct dtype_of_t<uint8_t> {
  static constexpr Dtype value = Dtype::u8;
};
template <>
struct dtype_of_t<int32_t> {
  static constexpr Dtype value = Dtype::i32;
};
template <>
struct dtype_of_t<int64_t> {
  static constexpr Dtype value = Dtype::i64;
};
template <>
struct dtype_of_t<bool> {
  static constexpr Dtype value = Dtype::boolean;
};

template <class T>
inline constexpr Dtype dtype_of = dtype_of_t<T>::value;

// Calls f.template operator()<T>() with the C++ type of t; returns what it returns.
template <class F>
decltype(auto) visit_dtype(Dtype t, F&& f) {
  switch (t) {
    case Dtype::f32:
      return f.template operator()<float>();
    case Dtype::bf16:
      return f.template operator()<bfloat16>();
    case Dtype::f16:
      return f.template operator()<float16>();
    case Dtype::f64:
      return f.template operator()<double>();
    case Dtype::i8:
      return f.template operator()<int8_t>();
    case Dtype::u8:
      return f.template operator()<uint8_t>();
    case Dtype::i32:
      return f.template operator()<int32_t>();
    case Dtype::i64:
      return f.template operator()<int64_t>();
    case Dtype::boolean:
      return f.template operator()<bool>();
  }
  throw std::logic_error("visit_dtype: unknown dtype");
}

// The same over the floating types that are computed in directly: f32 and f64.
template <class F>
decltype(auto) visit_real(Dtype t, F&& f) {
  if (t == Dtype::f64) return f.template operator()<double>();
  if (t == Dtype::f32) return f.template operator()<float>();
  throw std::invalid_argument("expected dtype f32 or f64, got " + std::string(name_of(t)));
}

}  // namespace fovea
