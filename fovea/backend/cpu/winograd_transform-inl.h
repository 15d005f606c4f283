// The transforms of Winograd's convolution for 3 x 3 filters (Lavin and Gray 2016, "Fast Algorithms
// for Convolutional Neural Networks"): a tile of M x M outputs is
//   y = A^T [(G w G^T) * (B^T x B)] A
// of a patch x of (M + 2) x (M + 2) inputs, * being the product of elements. Its derivatives are
// the transposes: dw = G^T [sum over tiles of (A dy A^T) * (B^T x B)] G.
//
// Included once per instruction set, by files that Highway compiles several times.
#if defined(FOVEA_BACKEND_CPU_WINOGRAD_TRANSFORM_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef FOVEA_BACKEND_CPU_WINOGRAD_TRANSFORM_INL_H_
#undef FOVEA_BACKEND_CPU_WINOGRAD_TRANSFORM_INL_H_
#else
#define FOVEA_BACKEND_CPU_WINOGRAD_TRANSFORM_INL_H_
#endif

#include <cstdint>

#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace fovea::cpu::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// Each functor is one matrix above, applied to vectors: `from` the columns, `to` the rows.
template <int M>
struct WinogradMatrices;

// F(2 x 2, 3 x 3): a polynomial known at the points 0, 1, -1 and infinity.
template <>
struct WinogradMatrices<2> {
  struct Input {  // B^T
    static constexpr int from = 4, to = 4;
    template <class D, class V>
    HWY_INLINE void operator()(D, const V (&x)[4], V (&y)[4]) const {
      y[0] = hn::Sub(x[0], x[2]);
      y[1] = hn::Add(x[1], x[2]);
      y[2] = hn::Sub(x[2], x[1]);
      y[3] = hn::Sub(x[1], x[3]);
    }
  };
  struct Output {  // A^T
    static constexpr int from = 4, to = 2;
    template <class D, class V>
    HWY_INLINE void operator()(D, const V (&x)[4], V (&y)[2]) const {
      y[0] = hn::Add(hn::Add(x[0], x[1]), x[2]);
      y[1] = hn::Sub(hn::Sub(x[1], x[2]), x[3]);
    }
  };
  struct OutputSlope {  // A
    static constexpr int from = 2, to = 4;
    template <class D, class V>
    HWY_INLINE void operator()(D, const V (&x)[2], V (&y)[4]) const {
      y[0] = x[0];
      y[1] = hn::Add(x[0], x[1]);
      y[2] = hn::Sub(x[0], x[1]);
      y[3] = hn::Neg(x[1]);
    }
  };
  struct Weights {  // G
    static constexpr int from = 3, to = 4;
    template <class D, class V>
    HWY_INLINE void operator()(D d, const V (&x)[3], V (&y)[4]) const {
      const V half = hn::Set(d, 0.5f);
      const V even = hn::Mul(half, hn::Add(x[0], x[2]));
      y[0] = x[0];
      y[1] = hn::MulAdd(half, x[1], even);
      y[2] = hn::NegMulAdd(half, x[1], even);
      y[3] = x[2];
    }
  };
  struct WeightsSlope {  // G^T
    static constexpr int from = 4, to = 3;
    template <class D, class V>
    HWY_INLINE void operator()(D d, const V (&x)[4], V (&y)[3]) const {
      const V half = hn::Set(d, 0.5f);
      const V even = hn::Mul(half, hn::Add(x[1], x[2]));
      y[0] = hn::Add(x[0], even);
      y[1] = hn::Mul(half, hn::Sub(x[1], x[2]));
      y[2] = hn::Add(even, x[3]);
    }
  };
};

// F(4 x 4, 3 x 3): the points 0, a, -a, b, -b and infinity.
template <>
struct WinogradMatrices<4> {
  static constexpr float a = 0.6875f, a2 = a * a, a3 = a2 * a;
  static constexpr float b = 1.5f, b2 = b * b, b3 = b2 * b;
  static constexpr float at_0 = 1 / (a2 * b2);  // over the distances between the points
  static constexpr float at_a = 1 / (2 * a2 * (a2 - b2)), at_b = 1 / (2 * b2 * (b2 - a2));

  struct Input {  // B^T
    static constexpr int from = 6, to = 6;
    template <class D, class V>
    HWY_INLINE void operator()(D d, const V (&x)[6], V (&y)[6]) const {
      const V p = hn::Set(d, a2 * b2), s = hn::Set(d, a2 + b2);
      const V aa = hn::Set(d, a2), bb = hn::Set(d, b2);
      y[0] = hn::MulAdd(p, x[0], hn::NegMulAdd(s, x[2], x[4]));
      y[5] = hn::MulAdd(p, x[1], hn::NegMulAdd(s, x[3], x[5]));
      const V even_a = hn::NegMulAdd(bb, x[2], x[4]), odd_a = hn::NegMulAdd(bb, x[1], x[3]);
      const V even_b = hn::NegMulAdd(aa, x[2], x[4]), odd_b = hn::NegMulAdd(aa, x[1], x[3]);
      y[1] = hn::MulAdd(hn::Set(d, a), odd_a, even_a);
      y[2] = hn::NegMulAdd(hn::Set(d, a), odd_a, even_a);
      y[3] = hn::MulAdd(hn::Set(d, b), odd_b, even_b);
      y[4] = hn::NegMulAdd(hn::Set(d, b), odd_b, even_b);
    }
  };
  struct Output {  // A^T
    static constexpr int from = 6, to = 4;
    template <class D, class V>
    HWY_INLINE void operator()(D d, const V (&x)[6], V (&y)[4]) const {
      const V even_a = hn::Add(x[1], x[2]), odd_a = hn::Sub(x[1], x[2]);
      const V even_b = hn::Add(x[3], x[4]), odd_b = hn::Sub(x[3], x[4]);
      y[0] = hn::Add(hn::Add(x[0], even_a), even_b);
      y[1] = hn::MulAdd(hn::Set(d, b), odd_b, hn::Mul(hn::Set(d, a), odd_a));
      y[2] = hn::MulAdd(hn::Set(d, b2), even_b, hn::Mul(hn::Set(d, a2), even_a));
      y[3] = hn::MulAdd(hn::Set(d, b3), odd_b, hn::MulAdd(hn::Set(d, a3), odd_a, x[5]));
    }
  };
  struct OutputSlope {  // A
    static constexpr int from = 4, to = 6;
    template <class D, class V>
    HWY_INLINE void operator()(D d, const V (&x)[4], V (&y)[6]) const {
      const V even_a = hn::MulAdd(hn::Set(d, a2), x[2], x[0]);
      const V odd_a = hn::MulAdd(hn::Set(d, a3), x[3], hn::Mul(hn::Set(d, a), x[1]));
      const V even_b = hn::MulAdd(hn::Set(d, b2), x[2], x[0]);
      const V odd_b = hn::MulAdd(hn::Set(d, b3), x[3], hn::Mul(hn::Set(d, b), x[1]));
      y[0] = x[0];
      y[1] = hn::Add(even_a, odd_a);
      y[2] = hn::Sub(even_a, odd_a);
      y[3] = hn::Add(even_b, odd_b);
      y[4] = hn::Sub(even_b, odd_b);
      y[5] = x[3];
    }
  };
  struct Weights {  // G
    static constexpr int from = 3, to = 6;
    template <class D, class V>
    HWY_INLINE void operator()(D d, const V (&x)[3], V (&y)[6]) const {
      const V even_a = hn::Mul(hn::Set(d, at_a), hn::MulAdd(hn::Set(d, a2), x[2], x[0]));
      const V even_b = hn::Mul(hn::Set(d, at_b), hn::MulAdd(hn::Set(d, b2), x[2], x[0]));
      y[0] = hn::Mul(hn::Set(d, at_0), x[0]);
      y[1] = hn::MulAdd(hn::Set(d, a * at_a), x[1], even_a);
      y[2] = hn::NegMulAdd(hn::Set(d, a * at_a), x[1], even_a);
      y[3] = hn::MulAdd(hn::Set(d, b * at_b), x[1], even_b);
      y[4] = hn::NegMulAdd(hn::Set(d, b * at_b), x[1], even_b);
      y[5] = x[2];
    }
  };
  struct WeightsSlope {  // G^T
    static constexpr int from = 6, to = 3;
    template <class D, class V>
    HWY_INLINE void operator()(D d, const V (&x)[6], V (&y)[3]) const {
      const V even_a = hn::Mul(hn::Set(d, at_a), hn::Add(x[1], x[2]));
      const V even_b = hn::Mul(hn::Set(d, at_b), hn::Add(x[3], x[4]));
      const V odd_b = hn::Mul(hn::Set(d, b * at_b), hn::Sub(x[3], x[4]));
      y[0] = hn::MulAdd(hn::Set(d, at_0), x[0], hn::Add(even_a, even_b));
      y[1] = hn::MulAdd(hn::Set(d, a * at_a), hn::Sub(x[1], x[2]), odd_b);
      y[2] = hn::MulAdd(hn::Set(d, a2), even_a, hn::MulAdd(hn::Set(d, b2), even_b, x[5]));
    }
  };
};

// Applies a matrix to the columns and then to the rows of a square of vectors: load(i, j) gives
// one, store(i, j, v) takes one of the result.
template <class Matrix, class D, class Load, class Store>
HWY_INLINE void TransformSquare(D d, Matrix matrix, const Load& load, const Store& store) {
  constexpr int from = Matrix::from, to = Matrix::to;
  constexpr size_t lanes = hn::MaxLanes(d);
  using V = hn::Vec<D>;
  HWY_ALIGN float half[from * to * lanes];
  for (int j = 0; j < from; ++j) {
    V x[from], y[to];
    for (int i = 0; i < from; ++i) x[i] = load(i, j);
    matrix(d, x, y);
    for (int i = 0; i < to; ++i) hn::Store(y[i], d, half + size_t(i * from + j) * lanes);
  }
  for (int i = 0; i < to; ++i) {
    V x[from], y[to];
    for (int j = 0; j < from; ++j) x[j] = hn::Load(d, half + size_t(i * from + j) * lanes);
    matrix(d, x, y);
    for (int j = 0; j < to; ++j) store(i, j, y[j]);
  }
}

}  // namespace fovea::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
