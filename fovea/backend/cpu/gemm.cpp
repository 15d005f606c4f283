// Bound by multiply-adds: a register tile of rows x 2 vectors reads one vector pair of b and a
// broadcast of a for each of its 2 rows multiply-adds, all from the first two caches.

// Highway compiles this file once per instruction set.
// clang-format off
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "fovea/backend/cpu/gemm.cpp"
#include "fovea/backend/cpu/gemm.h"

#include <algorithm>
#include <vector>

#include <hwy/foreach_target.h>
#include <hwy/highway.h>
// clang-format on

#include "fovea/backend/cpu/parallel.h"

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

constexpr int64_t depth = 256;             // of a block: a panel of b takes 32 KiB at most
constexpr int64_t block_bytes = 96 << 10;  // of packed a, for half of the second cache
constexpr int64_t wide = 1024;             // columns of packed b at once, for the third

int64_t rounded(int64_t n, int64_t to) { return (n + to - 1) / to * to; }

class TiledProduct {
 public:
  TiledProduct(
      const GemmExtents& e, const PackRows& a, const PackRows& b, const GemmResult& r, Run& run)
      : e_(e),
        a_(a),
        b_(b),
        r_(r),
        rows_(HWY_DYNAMIC_DISPATCH(TileRows)()),
        columns_(HWY_DYNAMIC_DISPATCH(TileColumns)()),
        tall_(std::max(rows_, block_bytes / (depth * int64_t(sizeof(float))) / rows_ * rows_)),
        packed_a_size_(size_t(rounded(std::min(tall_, e.m), rows_) * std::min(depth, e.k))),
        packed_b_(run.scratch.get<float>(
            size_t(rounded(std::min(wide, e.n), columns_) * std::min(depth, e.k)))) {
    const int64_t teams = threads();
    packed_a_ = run.scratch.get<float>(packed_a_size_ * size_t(teams));
  }

  void run() {
    for (int64_t j0 = 0; j0 < e_.n; j0 += wide) {
      const int64_t nc = std::min(wide, e_.n - j0);
      for (int64_t k0 = 0; k0 < e_.k; k0 += depth) {
        const int64_t kc = std::min(depth, e_.k - k0);
        pack_b(j0, nc, k0, kc);
        multiply(j0, nc, k0, kc);
      }
    }
  }

 private:
  void pack_b(int64_t j0, int64_t nc, int64_t k0, int64_t kc) {
    parallel_for((nc + columns_ - 1) / columns_, 4, [&](int64_t begin, int64_t end) {
      for (int64_t panel = begin; panel < end; ++panel) {
        const int64_t j = panel * columns_;
        b_(j0 + j, std::min(columns_, nc - j), k0, kc, columns_, packed_b_.data() + j * kc);
      }
    });
  }

  // Blocks of rows go to the threads, or of columns where there are too few of rows.
  void multiply(int64_t j0, int64_t nc, int64_t k0, int64_t kc) {
    const int64_t tall = std::min(tall_, rounded((e_.m + threads() - 1) / threads(), rows_));
    const int64_t blocks = (e_.m + tall - 1) / tall, panels = (nc + columns_ - 1) / columns_;
    const bool by_rows = blocks >= threads();
    parallel_for(by_rows ? blocks : panels, 1, [&](int64_t begin, int64_t end) {
      float* packed = packed_a_.data() + packed_a_size_ * size_t(omp_get_thread_num());
      const int64_t first = by_rows ? begin : 0, last = by_rows ? end : blocks;
      const int64_t from = by_rows ? 0 : begin, to = by_rows ? panels : end;
      for (int64_t block = first; block < last; ++block) {
        const int64_t i0 = block * tall, mc = std::min(tall, e_.m - i0);
        for (int64_t i = 0; i < mc; i += rows_)
          a_(i0 + i, std::min(rows_, mc - i), k0, kc, rows_, packed + i * kc);
        for (int64_t panel = from; panel < to; ++panel)
          for (int64_t i = 0; i < mc; i += rows_) {
            const int64_t j = panel * columns_;
            tile(
                {i0 + i, std::min(rows_, mc - i)},
                {j0 + j, std::min(columns_, nc - j)},
                packed + i * kc,
                packed_b_.data() + j * kc,
                k0,
                kc);
          }
      }
    });
  }

  struct Range {
    int64_t begin, count;
  };

  // One tile of y; one that hangs over the edge is made apart.
  void tile(Range i, Range j, const float* a, const float* b, int64_t k0, int64_t kc) {
    float* y = r_.y + i.begin * r_.stride + j.begin;
    const bool add = k0 > 0 || r_.residual == r_.y;
    if (i.count == rows_ && j.count == columns_) {
      HWY_DYNAMIC_DISPATCH(Tile)(kc, a, b, y, r_.stride, add);
    } else {
      alignas(64) float whole[12 * 64];
      HWY_DYNAMIC_DISPATCH(Tile)(kc, a, b, whole, columns_, false);
      for (int64_t r = 0; r < i.count; ++r)
        for (int64_t c = 0; c < j.count; ++c) {
          float& to = y[r * r_.stride + c];
          to = whole[r * columns_ + c] + (add ? to : 0);
        }
    }
    if (k0 + kc == e_.k) finish(i, j, y);
  }

  void finish(Range i, Range j, float* y) const {
    const bool residual = r_.residual && r_.residual != r_.y;
    if (!r_.bias && !residual && !r_.relu) return;
    for (int64_t r = 0; r < i.count; ++r)
      for (int64_t c = 0; c < j.count; ++c) {
        float& v = y[r * r_.stride + c];
        if (r_.bias) v += r_.bias[j.begin + c];
        if (residual) v += r_.residual[(i.begin + r) * r_.stride + j.begin + c];
        if (r_.relu) v = v <= 0 ? 0 : v;
      }
  }

  GemmExtents e_;
  const PackRows &a_, &b_;
  const GemmResult& r_;
  int64_t rows_, columns_, tall_;
  size_t packed_a_size_;
  std::span<float> packed_b_, packed_a_;
};

}  // namespace

PackRows strided_rows(const float* from, int64_t row_stride, int64_t column_stride) {
  return [=](int64_t first, int64_t count, int64_t k0, int64_t kc, int64_t width, float* to) {
    const float* origin = from + first * row_stride + k0 * column_stride;
    if (count < width) std::fill_n(to, kc * width, 0.0f);
    if (row_stride == 1) {
      for (int64_t k = 0; k < kc; ++k)
        std::copy_n(origin + k * column_stride, count, to + k * width);
    } else {
      for (int64_t r = 0; r < count; ++r)
        for (int64_t k = 0; k < kc; ++k)
          to[k * width + r] = origin[r * row_stride + k * column_stride];
    }
  };
}

void gemm(
    const GemmExtents& e,
    const PackRows& a,
    const PackRows& b,
    const GemmResult& result,
    Run& run) {
  if (e.m > 0 && e.n > 0 && e.k > 0) TiledProduct(e, a, b, result, run).run();
}

}  // namespace fovea::cpu
#endif
