// Bound by multiply-adds: a register tile of rows x 2 vectors reads one vector pair of b and a
// broadcast of a for each of its 2 rows multiply-adds, all from the first two caches.

// Highway compiles this file once per instruction set.
// clang-format off
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "fovea/backend/cpu/gemm.cpp"
#include "fovea/backend/cpu/gemm.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include <hwy/foreach_target.h>
#include <hwy/highway.h>
// clang-format on

#include "fovea/backend/cpu/parallel.h"
#include "fovea/core/errors.h"

HWY_BEFORE_NAMESPACE();
namespace fovea::cpu::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// As many accumulators as the registers hold beside two vectors of b and one of a.
#if HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_AVX3_DL || HWY_TARGET == HWY_NEON
constexpr int kRows = 12;
#else
constexpr int kRows = 6;
#endif

int64_t TileRows() { return kRows; }
int64_t TileColumns() { return int64_t(2 * hn::Lanes(hn::ScalableTag<float>())); }

// c (rows, 2 vectors) = [c +] a b over kc, from packed panels.
void Tile(int64_t kc, const float* a, const float* b, float* c, int64_t stride, bool add) {
  const hn::ScalableTag<float> d;
  const size_t lanes = hn::Lanes(d);
  hn::Vec<decltype(d)> sums[kRows][2];
  for (int i = 0; i < kRows; ++i) sums[i][0] = sums[i][1] = hn::Zero(d);
  for (int64_t k = 0; k < kc; ++k) {
    const auto b0 = hn::LoadU(d, b), b1 = hn::LoadU(d, b + lanes);
    for (int i = 0; i < kRows; ++i) {
      const auto ai = hn::Set(d, a[i]);
      sums[i][0] = hn::MulAdd(ai, b0, sums[i][0]);
      sums[i][1] = hn::MulAdd(ai, b1, sums[i][1]);
    }
    a += kRows;
    b += 2 * lanes;
  }
  for (int i = 0; i < kRows; ++i) {
    float* row = c + i * stride;
    if (add) {
      sums[i][0] = hn::Add(sums[i][0], hn::LoadU(d, row));
      sums[i][1] = hn::Add(sums[i][1], hn::LoadU(d, row + lanes));
    }
    hn::StoreU(sums[i][0], d, row);
    hn::StoreU(sums[i][1], d, row + lanes);
  }
}

}  // namespace fovea::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fovea::cpu {

namespace {

HWY_EXPORT(TileRows);
HWY_EXPORT(TileColumns);
HWY_EXPORT(Tile);

constexpr int64_t deepest = 256;           // block: a panel of b takes 32 KiB at most
constexpr int64_t block_bytes = 96 << 10;  // of packed a, for half of the second cache
constexpr int64_t wide = 1024;             // columns of packed b at once, for the third

int64_t parts_of(int64_t n, int64_t size) { return (n + size - 1) / size; }
int64_t rounded(int64_t n, int64_t to) { return parts_of(n, to) * to; }

// How a product is cut into tiles, panels and blocks.
struct GemmCut {
  int64_t rows, columns;      // of a tile
  int64_t depth;              // of a block
  int64_t tiles, blocks;      // down y
  size_t packed_a, packed_b;  // floats: of a block, for each thread; of the columns at once

  GemmCut(const GemmExtents& e, int64_t team)
      : rows(HWY_DYNAMIC_DISPATCH(TileRows)()),
        columns(HWY_DYNAMIC_DISPATCH(TileColumns)()),
        depth(parts_of(e.k, parts_of(e.k, deepest))),
        tiles(parts_of(e.m, rows)) {
    // As many blocks as fit the second cache each, and as divide evenly among the threads.
    const int64_t tall =
        std::max<int64_t>(1, block_bytes / (depth * rows * int64_t(sizeof(float))));
    blocks = std::min(tiles, rounded(parts_of(tiles, tall), team));
    packed_a = size_t(parts_of(tiles, blocks) * rows * depth);
    packed_b = size_t(rounded(std::min(wide, e.n), columns) * depth);
  }
};

struct Range {
  int64_t begin, count;
};

// What is added to a part of y whose product is there.
void finish(const GemmResult& to, Range i, Range j) {
  const bool residual = to.residual && to.residual != to.y;
  if (!to.bias && !residual && !to.relu) return;
  for (int64_t r = i.begin; r < i.begin + i.count; ++r)
    for (int64_t c = j.begin; c < j.begin + j.count; ++c) {
      float& v = to.y[r * to.stride + c];
      if (to.bias) v += to.bias[c];
      if (residual) v += to.residual[r * to.stride + c];
      if (to.relu) v = v <= 0 ? 0 : v;
    }
}

// A product of nothing is 0.
void finish_zeros(const GemmExtents& e, const GemmResult& to) {
  if (to.residual != to.y)
    for (int64_t i = 0; i < e.m; ++i) std::fill_n(to.y + i * to.stride, e.n, 0.0f);
  finish(to, {0, e.m}, {0, e.n});
}

class TiledProduct {
 public:
  TiledProduct(
      const GemmExtents& e, const PackRows& a, const PackRows& b, const GemmResult& r, Run& run)
      : e_(e),
        team_(threads()),
        cut_(e, team_),
        a_(a),
        b_(b),
        r_(r),
        packed_b_(run.scratch.get<float>(cut_.packed_b)),
        packed_a_(run.scratch.get<float>(cut_.packed_a * size_t(team_))) {}

  void run() {
    for (int64_t j0 = 0; j0 < e_.n; j0 += wide) {
      const int64_t nc = std::min(wide, e_.n - j0);
      for (int64_t k0 = 0; k0 < e_.k; k0 += cut_.depth) {
        const int64_t kc = std::min(cut_.depth, e_.k - k0);
        pack_b(j0, nc, k0, kc);
        multiply(j0, nc, k0, kc);
      }
    }
  }

 private:
  void pack_b(int64_t j0, int64_t nc, int64_t k0, int64_t kc) {
    parallel_for(parts_of(nc, cut_.columns), 4, [&](int64_t begin, int64_t end) {
      const int64_t j = begin * cut_.columns, count = std::min(end * cut_.columns, nc) - j;
      b_(j0 + j, count, k0, kc, cut_.columns, packed_b_.data() + j * kc);
    });
  }

  // Blocks of rows go to the threads, or of columns where there are too few of rows.
  void multiply(int64_t j0, int64_t nc, int64_t k0, int64_t kc) {
    const int64_t panels = parts_of(nc, cut_.columns);
    const bool by_rows = cut_.blocks >= team_;
    auto work = [&](int64_t begin, int64_t end) {
      float* packed = packed_a_.data() + cut_.packed_a * size_t(omp_get_thread_num());
      const int64_t first = by_rows ? begin : 0, last = by_rows ? end : cut_.blocks;
      const int64_t from = by_rows ? 0 : begin, to = by_rows ? panels : end;
      for (int64_t block = first; block < last; ++block) {
        const int64_t i0 = cut_.tiles * block / cut_.blocks * cut_.rows;
        const int64_t mc = std::min(cut_.tiles * (block + 1) / cut_.blocks * cut_.rows, e_.m) - i0;
        a_(i0, mc, k0, kc, cut_.rows, packed);
        for (int64_t panel = from; panel < to; ++panel)
          for (int64_t i = 0; i < mc; i += cut_.rows) {
            const int64_t j = panel * cut_.columns;
            tile(
                {i0 + i, std::min(cut_.rows, mc - i)},
                {j0 + j, std::min(cut_.columns, nc - j)},
                packed + i * kc,
                packed_b_.data() + j * kc,
                k0,
                kc);
          }
      }
    };
    parallel_for(by_rows ? cut_.blocks : panels, 1, work, team_);
  }

  // One tile of y; one that hangs over the edge is made apart.
  void tile(Range i, Range j, const float* a, const float* b, int64_t k0, int64_t kc) {
    float* y = r_.y + i.begin * r_.stride + j.begin;
    const bool add = k0 > 0 || r_.residual == r_.y;
    // The kernel wants them when it has multiplied.
    for (int64_t r = 0; r < i.count; ++r)
      for (int64_t c = 0; c < j.count; c += 16) __builtin_prefetch(y + r * r_.stride + c, 1);
    if (i.count == cut_.rows && j.count == cut_.columns) {
      HWY_DYNAMIC_DISPATCH(Tile)(kc, a, b, y, r_.stride, add);
    } else {
      alignas(64) float whole[12 * 64];
      HWY_DYNAMIC_DISPATCH(Tile)(kc, a, b, whole, cut_.columns, false);
      for (int64_t r = 0; r < i.count; ++r)
        for (int64_t c = 0; c < j.count; ++c) {
          float& to = y[r * r_.stride + c];
          to = whole[r * cut_.columns + c] + (add ? to : 0);
        }
    }
    if (k0 + kc == e_.k) finish(r_, i, j);
  }

  GemmExtents e_;
  int64_t team_;  // threads() as the product began, for which there is scratch
  GemmCut cut_;
  const PackRows &a_, &b_;
  const GemmResult& r_;
  std::span<float> packed_b_, packed_a_;
};

struct Panels {
  int64_t count, width, depth;
};

// Whole panels of rows that lie side by side, a few at once: columns that are a power of two apart
// push each other out of the first cache, and so would as many panels.
template <int width>
void copy_panels_of(const Panels& p, const float* from, int64_t column_stride, float* to) {
  constexpr int64_t at_once = 4;
  for (int64_t first = 0; first < p.count; first += at_once)
    for (int64_t k = 0; k < p.depth; ++k)
      for (int64_t i = first; i < std::min(first + at_once, p.count); ++i)
        std::memcpy(
            to + (i * p.depth + k) * width,
            from + k * column_stride + i * width,
            width * sizeof(float));
}

void copy_panels(const Panels& p, const float* from, int64_t column_stride, float* to) {
  switch (p.width) {
    case 6:
      return copy_panels_of<6>(p, from, column_stride, to);
    case 8:
      return copy_panels_of<8>(p, from, column_stride, to);
    case 12:
      return copy_panels_of<12>(p, from, column_stride, to);
    case 16:
      return copy_panels_of<16>(p, from, column_stride, to);
    case 32:
      return copy_panels_of<32>(p, from, column_stride, to);
  }
  FOVEA_ASSERT(!"a width of some instruction set");
}

}  // namespace

PackRows strided_rows(const float* from, int64_t row_stride, int64_t column_stride) {
  return [=](int64_t first, int64_t count, int64_t k0, int64_t kc, int64_t width, float* to) {
    const float* origin = from + first * row_stride + k0 * column_stride;
    const int64_t whole = row_stride == 1 ? count / width : 0;
    copy_panels({whole, width, kc}, origin, column_stride, to);
    for (int64_t r = whole * width; r < count; r += width) {
      float* panel = to + r * kc;
      const int64_t rows = std::min(width, count - r);
      if (rows < width) std::fill_n(panel, kc * width, 0.0f);
      for (int64_t i = 0; i < rows; ++i)
        for (int64_t k = 0; k < kc; ++k)
          panel[k * width + i] = origin[(r + i) * row_stride + k * column_stride];
    }
  };
}

int64_t gemm_scratch(const GemmExtents& e) {
  if (e.m == 0 || e.n == 0 || e.k == 0) return 0;
  const int64_t team = threads();
  const GemmCut cut(e, team);
  return int64_t((cut.packed_b + cut.packed_a * size_t(team)) * sizeof(float));
}

void gemm(
    const GemmExtents& e,
    const PackRows& a,
    const PackRows& b,
    const GemmResult& result,
    Run& run) {
  if (e.m == 0 || e.n == 0) return;
  if (e.k == 0) return finish_zeros(e, result);
  TiledProduct(e, a, b, result, run).run();
}

}  // namespace fovea::cpu
#endif
