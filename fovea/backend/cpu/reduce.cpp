// Sums, maxima and minima. Bound by reading the input once: 4 bytes an element.

// foreach_target.h includes this file once per instruction set, so it comes first.
// clang-format off
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "fovea/backend/cpu/reduce.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>
// clang-format on

#include "fovea/backend/ref/reduce.h"

#include <cstring>
#include <vector>

#include "fovea/backend/cpu/cpu.h"
#include "fovea/backend/cpu/parallel.h"
#include "fovea/ops/reduce.h"

HWY_BEFORE_NAMESPACE();
namespace fovea::cpu::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;

struct SumOp {
  HWY_INLINE V operator()(V a, V b) const { return hn::Add(a, b); }
  HWY_INLINE float operator()(float a, float b) const { return a + b; }
};
struct MaxOp {  // a NaN wins
  HWY_INLINE V operator()(V a, V b) const {
    return hn::IfThenElse(hn::Or(hn::Gt(b, a), hn::IsNaN(b)), b, a);
  }
  HWY_INLINE float operator()(float a, float b) const { return b > a || b != b ? b : a; }
};
struct MinOp {
  HWY_INLINE V operator()(V a, V b) const {
    return hn::IfThenElse(hn::Or(hn::Lt(b, a), hn::IsNaN(b)), b, a);
  }
  HWY_INLINE float operator()(float a, float b) const { return b < a || b != b ? b : a; }
};

// One number from a contiguous row of n > 0, in four interleaved vectors.
template <class Op>
HWY_INLINE float Row(const float* x, int64_t n, Op op) {
  const D d;
  const auto lanes = int64_t(hn::Lanes(d));
  if (n < 4 * lanes) {
    float r = x[0];
    for (int64_t i = 1; i < n; ++i) r = op(r, x[i]);
    return r;
  }
  V a = hn::LoadU(d, x), b = hn::LoadU(d, x + lanes), c = hn::LoadU(d, x + 2 * lanes),
    e = hn::LoadU(d, x + 3 * lanes);
  int64_t i = 4 * lanes;
  for (; i + 4 * lanes <= n; i += 4 * lanes) {
    a = op(a, hn::LoadU(d, x + i));
    b = op(b, hn::LoadU(d, x + i + lanes));
    c = op(c, hn::LoadU(d, x + i + 2 * lanes));
    e = op(e, hn::LoadU(d, x + i + 3 * lanes));
  }
  HWY_ALIGN float buffer[hn::MaxLanes(d)];
  hn::Store(op(op(a, b), op(c, e)), d, buffer);
  float r = buffer[0];
  for (int64_t k = 1; k < lanes; ++k) r = op(r, buffer[k]);
  for (; i < n; ++i) r = op(r, x[i]);
  return r;
}

// y[c] = op(y[c], x[r * stride + c]) for `rows` rows of `n` columns.
template <class Op>
HWY_INLINE void Columns(const float* x, int64_t rows, int64_t stride, int64_t n, float* y, Op op) {
  const D d;
  const auto lanes = int64_t(hn::Lanes(d));
  int64_t c = 0;
  for (; c + 4 * lanes <= n; c += 4 * lanes) {
    V s0 = hn::LoadU(d, y + c), s1 = hn::LoadU(d, y + c + lanes),
      s2 = hn::LoadU(d, y + c + 2 * lanes), s3 = hn::LoadU(d, y + c + 3 * lanes);
    const float* p = x + c;
    for (int64_t r = 0; r < rows; ++r, p += stride) {
      s0 = op(s0, hn::LoadU(d, p));
      s1 = op(s1, hn::LoadU(d, p + lanes));
      s2 = op(s2, hn::LoadU(d, p + 2 * lanes));
      s3 = op(s3, hn::LoadU(d, p + 3 * lanes));
    }
    hn::StoreU(s0, d, y + c);
    hn::StoreU(s1, d, y + c + lanes);
    hn::StoreU(s2, d, y + c + 2 * lanes);
    hn::StoreU(s3, d, y + c + 3 * lanes);
  }
  for (; c + lanes <= n; c += lanes) {
    V s = hn::LoadU(d, y + c);
    for (int64_t r = 0; r < rows; ++r) s = op(s, hn::LoadU(d, x + r * stride + c));
    hn::StoreU(s, d, y + c);
  }
  for (; c < n; ++c)
    for (int64_t r = 0; r < rows; ++r) y[c] = op(y[c], x[r * stride + c]);
}

float ReduceRow(ReduceOp op, const float* x, int64_t n) {
  if (op == ReduceOp::sum) return Row(x, n, SumOp());
  return op == ReduceOp::max ? Row(x, n, MaxOp()) : Row(x, n, MinOp());
}

void ReduceColumns(ReduceOp op, const float* x, int64_t rows, int64_t stride, int64_t n, float* y) {
  if (op == ReduceOp::sum) return Columns(x, rows, stride, n, y, SumOp());
  if (op == ReduceOp::max) return Columns(x, rows, stride, n, y, MaxOp());
  Columns(x, rows, stride, n, y, MinOp());
}

}  // namespace fovea::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fovea::cpu {

namespace {

HWY_EXPORT(ReduceRow);
HWY_EXPORT(ReduceColumns);

// The reduced axes as one run: (outer, n, inner); false when they are not next to each other.
bool as_block(
    const Shape& s, const std::vector<int>& axes, int64_t& outer, int64_t& n, int64_t& inner) {
  outer = n = inner = 1;
  int first = axes.front(), last = axes.back();
  for (int i = 0; i < s.rank(); ++i) {
    bool reduced = std::find(axes.begin(), axes.end(), i) != axes.end();
    if (i >= first && i <= last && !reduced && s[i] != 1) return false;
    (i < first ? outer : i > last ? inner : n) *= s[i];
  }
  return true;
}

// One (n, inner) block into y (inner), n > 0. With many rows and one block, each thread takes some
// rows and the partial results are joined in the order of the threads.
void reduce_block(ReduceOp op, const float* x, int64_t n, int64_t inner, float* y) {
  auto columns = HWY_DYNAMIC_DISPATCH(ReduceColumns);
  constexpr int64_t grain = 32 * 1024;
  int64_t parts = std::clamp<int64_t>(n * inner / grain, 1, std::min<int64_t>(threads(), n));
  std::vector<float> partial(size_t(parts * inner));
  parallel_for(parts, 1, [&](int64_t begin, int64_t end) {
    for (int64_t p = begin; p < end; ++p) {
      int64_t from = n * p / parts, to = n * (p + 1) / parts;
      float* sum = partial.data() + p * inner;
      std::memcpy(sum, x + from * inner, size_t(inner) * sizeof(float));
      // Sums run over blocks of rows: shorter chains of additions round less.
      if (op == ReduceOp::sum && to - from > 256) {
        std::vector<float> block(static_cast<size_t>(inner));
        for (int64_t r = from + 1; r < to; r += 256) {
          std::fill(block.begin(), block.end(), 0.f);
          columns(op, x + r * inner, std::min<int64_t>(256, to - r), inner, inner, block.data());
          columns(op, block.data(), 1, inner, inner, sum);
        }
      } else {
        columns(op, x + (from + 1) * inner, to - from - 1, inner, inner, sum);
      }
    }
  });
  std::memcpy(y, partial.data(), size_t(inner) * sizeof(float));
  columns(op, partial.data() + inner, parts - 1, inner, inner, y);
}

// A row in pieces that join into one number; the pieces do not depend on the threads.
float reduce_row(ReduceOp op, const float* x, int64_t n) {
  auto row = HWY_DYNAMIC_DISPATCH(ReduceRow);
  constexpr int64_t piece = 16 * 1024;
  if (n <= piece) return row(op, x, n);
  int64_t pieces = (n + piece - 1) / piece;
  std::vector<float> partial(static_cast<size_t>(pieces));
  parallel_for(pieces, 2, [&](int64_t begin, int64_t end) {
    for (int64_t p = begin; p < end; ++p)
      partial[size_t(p)] = row(op, x + p * piece, std::min(piece, n - p * piece));
  });
  return row(op, partial.data(), pieces);
}

void reduce_kernel(
    const Primitive& primitive, std::span<const Tensor> in, std::span<Tensor> out, Run& run) {
  const auto& p = static_cast<const Reduce&>(primitive);
  int64_t outer, n, inner;
  if (in[0].dtype() != Dtype::f32 || in[0].numel() == 0 ||
      !as_block(in[0].shape(), p.axes(), outer, n, inner))
    return ref::reduce(primitive, in, out, run);
  const float* x = in[0].data<float>().data();
  float* y = out[0].mutable_data<float>().data();
  if (outer == 1 && inner == 1) {
    y[0] = reduce_row(p.op(), x, n);
  } else if (outer == 1) {
    reduce_block(p.op(), x, n, inner, y);
  } else if (inner == 1) {
    auto row = HWY_DYNAMIC_DISPATCH(ReduceRow);
    parallel_for(outer, std::max<int64_t>(1, 16 * 1024 / n), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) y[i] = row(p.op(), x + i * n, n);
    });
  } else {
    auto columns = HWY_DYNAMIC_DISPATCH(ReduceColumns);
    parallel_for(
        outer, std::max<int64_t>(1, 16 * 1024 / (n * inner)), [&](int64_t begin, int64_t end) {
          for (int64_t i = begin; i < end; ++i) {
            const float* block = x + i * n * inner;
            std::memcpy(y + i * inner, block, size_t(inner) * sizeof(float));
            columns(p.op(), block + inner, n - 1, inner, inner, y + i * inner);
          }
        });
  }
}

}  // namespace

void register_reduce(KernelTable& table) { table.add<Reduce>(Device::cpu, reduce_kernel); }

}  // namespace fovea::cpu
#endif
