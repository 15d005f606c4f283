// The matrix product between the transforms of Winograd's convolution, register-blocked. Bound by
// multiply-adds: each step of the sum loads two vectors and a number a row for two products a row.
//
// Included once per instruction set, by files that Highway compiles several times.
#if defined(FOVEA_BACKEND_CPU_WINOGRAD_PRODUCT_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef FOVEA_BACKEND_CPU_WINOGRAD_PRODUCT_INL_H_
#undef FOVEA_BACKEND_CPU_WINOGRAD_PRODUCT_INL_H_
#else
#define FOVEA_BACKEND_CPU_WINOGRAD_PRODUCT_INL_H_
#endif

#include <cstdint>

#include <hwy/highway.h>

#include "fovea/backend/cpu/each-inl.h"

HWY_BEFORE_NAMESPACE();
namespace fovea::cpu::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// A panel is two vectors wide; as many rows as leave registers for the panel's row and a factor.
using ProductTag = hn::ScalableTag<float>;
constexpr int64_t kPanel = 2 * int64_t(hn::MaxLanes(ProductTag()));
#if (HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX3) || HWY_ARCH_ARM_A64
constexpr int kProductRows = 12;  // of 32 registers
#else
constexpr int kProductRows = 6;  // of 16
#endif

// c[r, :] = sum_k a[r, k] b[k, :], with or without what c held. Either the rows or the steps of a
// are neighbours in memory; the other distance is `a_stride`.
struct ProductOperands {
  int64_t depth;
  const float* a;
  int64_t a_stride;
  const float* b;
  int64_t b_stride;
  float* c;
  int64_t c_stride;
};

enum class Neighbours { steps, rows };

template <int Rows, int Vectors, Neighbours Near, bool Accumulate>
HWY_NOINLINE void ProductBlock(const ProductOperands p) {
  const ProductTag d;
  using V = hn::Vec<ProductTag>;
  constexpr int64_t lanes = kPanel / 2;
  V left[Rows], right[Rows];
  Each<Rows>([&](auto r) HWY_ATTR {
    left[r] = Accumulate ? hn::LoadU(d, p.c + r * p.c_stride) : hn::Zero(d);
    if constexpr (Vectors > 1)
      right[r] = Accumulate ? hn::LoadU(d, p.c + r * p.c_stride + lanes) : hn::Zero(d);
  });
  const float *a = p.a, *b = p.b;
  for (int64_t k = 0; k < p.depth; ++k) {
    const V b0 = hn::LoadU(d, b), b1 = hn::LoadU(d, b + (Vectors - 1) * lanes);
    Each<Rows>([&](auto r) HWY_ATTR {
      const V factor = hn::Set(d, Near == Neighbours::rows ? a[r] : a[r * p.a_stride]);
      left[r] = hn::MulAdd(factor, b0, left[r]);
      if constexpr (Vectors > 1) right[r] = hn::MulAdd(factor, b1, right[r]);
    });
    a += Near == Neighbours::rows ? p.a_stride : 1;
    b += p.b_stride;
  }
  Each<Rows>([&](auto r) HWY_ATTR {
    hn::StoreU(left[r], d, p.c + r * p.c_stride);
    if constexpr (Vectors > 1) hn::StoreU(right[r], d, p.c + r * p.c_stride + lanes);
  });
}

template <int Rows, int Vectors, Neighbours Near, bool Accumulate>
HWY_INLINE void ProductOfRows(int rows, const ProductOperands& p) {
  if (rows == Rows) return ProductBlock<Rows, Vectors, Near, Accumulate>(p);
  if constexpr (Rows > 1) ProductOfRows<Rows - 1, Vectors, Near, Accumulate>(rows, p);
}

// The product for any number of rows, in blocks of nearly equal height, and a panel of which the
// first `columns` are wanted.
template <Neighbours Near, bool Accumulate>
HWY_INLINE void ProductPanel(int64_t rows, int64_t columns, ProductOperands p) {
  const int64_t blocks = (rows + kProductRows - 1) / kProductRows;
  const ProductOperands first = p;
  for (int64_t i = 0; i < blocks; ++i) {
    const int64_t begin = rows * i / blocks, end = rows * (i + 1) / blocks;
    p.a = first.a + begin * (Near == Neighbours::rows ? 1 : p.a_stride);
    p.c = first.c + begin * p.c_stride;
    if (columns > kPanel / 2)
      ProductOfRows<kProductRows, 2, Near, Accumulate>(int(end - begin), p);
    else
      ProductOfRows<kProductRows, 1, Near, Accumulate>(int(end - begin), p);
  }
}

}  // namespace fovea::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
