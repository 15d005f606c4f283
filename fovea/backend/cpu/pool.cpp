// Pooling over (N, H, W, C), with vectors along C and threads along the rows of the result. Bound
// by memory: max pooling 2 x 2 reads 16 bytes and writes 8 for each result, its gradient reads 8
// and writes 16. Gradients are gathered, one pixel of the large image at a time, so that no two
// threads add to the same place.

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "fovea/backend/cpu/pool.cpp"
#include "fovea/backend/ref/pool.h"

#include <algorithm>
#include <vector>

#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "fovea/backend/cpu/cpu.h"
#include "fovea/backend/cpu/for_channels-inl.h"
#include "fovea/backend/cpu/parallel.h"
#include "fovea/ops/pool.h"

#ifndef FOVEA_BACKEND_CPU_POOL_ROW
#define FOVEA_BACKEND_CPU_POOL_ROW
namespace fovea::cpu {

// Bins `begin` to `end` - 1.
struct BinRange {
  int64_t begin = 0, end = 0;
};

// What one row of a result is computed from. `small` images have a pixel per window.
struct PoolRow {
  const PoolGrid* grid;
  const BinRange* columns;    // the bins over each column of the large image
  const float* column_scale;  // 1 / count of each column bin
  int64_t channels;

  // How many elements of the rest of both rows there are from a pixel's first channel on: of the
  // small row at bin `small`, of the large row at column `large`.
  int64_t room(int64_t small, int64_t large) const {
    return channels * std::min(int64_t(grid->columns.size()) - small, grid->width - large);
  }
};

}  // namespace fovea::cpu
#endif

HWY_BEFORE_NAMESPACE();
namespace fovea::cpu::HWY_NAMESPACE {

// One row of y and index from the rows of x that its windows cover; `x` is the whole image.
void MaxRow(const PoolRow& p, const PoolBin& rows, const float* x, float* y, int32_t* index) {
  const int64_t channels = p.channels, width = p.grid->width;
  int64_t column = 0;
  for (const PoolBin& columns : p.grid->columns) {
    const int64_t room = p.room(column++, columns.end - 1);
    ForChannels(channels, room, [&](auto d, int64_t c) HWY_ATTR {
      const hn::RebindToSigned<decltype(d)> di;
      const int64_t first = rows.begin * width + columns.begin;
      auto best = hn::LoadU(d, x + first * channels + c);
      auto place = hn::Set(di, int32_t(first));
      for (int64_t i = rows.begin; i < rows.end; ++i)
        for (int64_t k = i * width + columns.begin; k < i * width + columns.end; ++k) {
          const auto v = hn::LoadU(d, x + k * channels + c);
          const auto wins = hn::Or(hn::Gt(v, best), hn::IsNaN(v));
          best = hn::IfThenElse(wins, v, best);
          place = hn::IfThenElse(hn::RebindMask(di, wins), hn::Set(di, int32_t(k)), place);
        }
      hn::StoreU(best, d, y + c);
      hn::StoreU(place, di, index + c);
    });
    y += channels;
    index += channels;
  }
}

// Row `row` of the gradient of x: to each pixel, the gradients of the windows it won.
void MaxGradRow(
    const PoolRow& p,
    BinRange rows,
    int64_t row,
    const float* dy,
    const int32_t* index,
    float* dx) {
  const int64_t channels = p.channels, across = int64_t(p.grid->columns.size());
  for (int64_t column = 0; column < p.grid->width; ++column, dx += channels) {
    const BinRange columns = p.columns[column];
    const auto place = int32_t(row * p.grid->width + column);
    const int64_t room = p.room(columns.end - 1, column);
    ForChannels(channels, room, [&](auto d, int64_t c) HWY_ATTR {
      const hn::RebindToSigned<decltype(d)> di;
      auto sum = hn::Zero(d);
      for (int64_t i = rows.begin; i < rows.end; ++i)
        for (int64_t j = columns.begin; j < columns.end; ++j) {
          const int64_t k = (i * across + j) * channels + c;
          const auto won = hn::Eq(hn::LoadU(di, index + k), hn::Set(di, place));
          sum = hn::Add(sum, hn::IfThenElseZero(hn::RebindMask(d, won), hn::LoadU(d, dy + k)));
        }
      hn::StoreU(sum, d, dx + c);
    });
  }
}

void AvgRow(const PoolRow& p, const PoolBin& rows, const float* x, float* y) {
  const int64_t channels = p.channels, width = p.grid->width;
  int64_t column = 0;
  for (const PoolBin& columns : p.grid->columns) {
    const float scale = 1.0f / float(rows.count * columns.count);
    const int64_t room = p.room(column++, columns.end - 1);
    ForChannels(channels, room, [&](auto d, int64_t c) HWY_ATTR {
      auto sum = hn::Zero(d);
      for (int64_t i = rows.begin; i < rows.end; ++i)
        for (int64_t k = i * width + columns.begin; k < i * width + columns.end; ++k)
          sum = hn::Add(sum, hn::LoadU(d, x + k * channels + c));
      hn::StoreU(hn::Mul(sum, hn::Set(d, scale)), d, y + c);
    });
    y += channels;
  }
}

// One row of x: to each pixel, its share of the windows it is in.
void SpreadRow(const PoolRow& p, BinRange rows, const float* y, float* x) {
  const int64_t channels = p.channels, across = int64_t(p.grid->columns.size());
  for (int64_t column = 0; column < p.grid->width; ++column, x += channels) {
    const BinRange columns = p.columns[column];
    const int64_t room = p.room(columns.end - 1, column);
    ForChannels(channels, room, [&](auto d, int64_t c) HWY_ATTR {
      auto sum = hn::Zero(d);
      for (int64_t i = rows.begin; i < rows.end; ++i) {
        const float down = 1.0f / float(p.grid->rows[size_t(i)].count);
        for (int64_t j = columns.begin; j < columns.end; ++j) {
          const auto share = hn::Set(d, down * p.column_scale[j]);
          sum = hn::MulAdd(hn::LoadU(d, y + (i * across + j) * channels + c), share, sum);
        }
      }
      hn::StoreU(sum, d, x + c);
    });
  }
}

}  // namespace fovea::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fovea::cpu {

namespace {

HWY_EXPORT(MaxRow);
HWY_EXPORT(MaxGradRow);
HWY_EXPORT(AvgRow);
HWY_EXPORT(SpreadRow);

// For each position of an axis, the bins that cover it; they are neighbours.
std::vector<BinRange> bins_over(const std::vector<PoolBin>& bins, int64_t size) {
  std::vector<BinRange> ranges;
  const auto count = int64_t(bins.size());
  BinRange range;
  for (int64_t at = 0; at < size; ++at) {
    while (range.begin < count && bins[size_t(range.begin)].end <= at) ++range.begin;
    while (range.end < count && bins[size_t(range.end)].begin <= at) ++range.end;
    ranges.push_back({range.begin, std::max(range.begin, range.end)});
  }
  return ranges;
}

// Calls f(image, row) for each row of each of n images, on all threads.
template <class F>
void for_rows(int64_t n, int64_t rows, int64_t elements_per_row, F&& f) {
  constexpr int64_t grain = 16 * 1024;  // elements a thread should have at least
  const int64_t fewest = std::max<int64_t>(1, grain / std::max<int64_t>(elements_per_row, 1));
  parallel_for(n * rows, fewest, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) f(i / rows, i % rows);
  });
}

void max_pool_kernel(
    const Primitive& primitive, std::span<const Tensor> in, std::span<Tensor> out, Run& run) {
  if (in[0].dtype() != Dtype::f32) return ref::max_pool(primitive, in, out, run);
  const PoolGrid& g = static_cast<const Pool&>(primitive).grid();
  const PoolRow p{&g, nullptr, nullptr, in[0].dim(3)};
  const int64_t from = g.height * g.width * p.channels, rows = out[0].dim(1);
  const int64_t to = out[0].dim(2) * p.channels;
  const float* x = in[0].data<float>().data();
  float* y = out[0].mutable_data<float>().data();
  int32_t* index = out[1].mutable_data<int32_t>().data();
  for_rows(out[0].dim(0), rows, g.width * p.channels, [&](int64_t n, int64_t i) {
    const int64_t k = (n * rows + i) * to;
    HWY_DYNAMIC_DISPATCH(MaxRow)(p, g.rows[size_t(i)], x + n * from, y + k, index + k);
  });
}

// Indices that may point anywhere are for the reference kernel.
void pool_scatter_kernel(
    const Primitive& primitive, std::span<const Tensor> in, std::span<Tensor> out, Run& run) {
  const PoolGrid& g = static_cast<const Pool&>(primitive).grid();
  if (in[0].dtype() != Dtype::f32 || g.rows.empty())
    return ref::pool_scatter(primitive, in, out, run);
  const auto down = bins_over(g.rows, g.height), across = bins_over(g.columns, g.width);
  const PoolRow p{&g, across.data(), nullptr, in[0].dim(3)};
  const int64_t from = in[0].dim(1) * in[0].dim(2) * p.channels, to = g.width * p.channels;
  const float* dy = in[0].data<float>().data();
  const int32_t* index = in[1].data<int32_t>().data();
  float* dx = out[0].mutable_data<float>().data();
  for_rows(out[0].dim(0), g.height, to, [&](int64_t n, int64_t i) {
    HWY_DYNAMIC_DISPATCH(MaxGradRow)
    (p, down[size_t(i)], i, dy + n * from, index + n * from, dx + (n * g.height + i) * to);
  });
}

void avg_pool_kernel(
    const Primitive& primitive, std::span<const Tensor> in, std::span<Tensor> out, Run& run) {
  if (in[0].dtype() != Dtype::f32) return ref::avg_pool(primitive, in, out, run);
  const PoolGrid& g = static_cast<const Pool&>(primitive).grid();
  const PoolRow p{&g, nullptr, nullptr, in[0].dim(3)};
  const int64_t from = g.height * g.width * p.channels, rows = out[0].dim(1);
  const int64_t to = out[0].dim(2) * p.channels;
  const float* x = in[0].data<float>().data();
  float* y = out[0].mutable_data<float>().data();
  for_rows(out[0].dim(0), rows, g.width * p.channels, [&](int64_t n, int64_t i) {
    HWY_DYNAMIC_DISPATCH(AvgRow)(p, g.rows[size_t(i)], x + n * from, y + (n * rows + i) * to);
  });
}

void avg_pool_spread_kernel(
    const Primitive& primitive, std::span<const Tensor> in, std::span<Tensor> out, Run& run) {
  if (in[0].dtype() != Dtype::f32) return ref::avg_pool_spread(primitive, in, out, run);
  const PoolGrid& g = static_cast<const Pool&>(primitive).grid();
  const auto down = bins_over(g.rows, g.height), across = bins_over(g.columns, g.width);
  std::vector<float> scale;
  for (const PoolBin& bin : g.columns) scale.push_back(1.0f / float(bin.count));
  const PoolRow p{&g, across.data(), scale.data(), in[0].dim(3)};
  const int64_t from = in[0].dim(1) * in[0].dim(2) * p.channels, to = g.width * p.channels;
  const float* y = in[0].data<float>().data();
  float* x = out[0].mutable_data<float>().data();
  for_rows(out[0].dim(0), g.height, to, [&](int64_t n, int64_t i) {
    HWY_DYNAMIC_DISPATCH(SpreadRow)
    (p, down[size_t(i)], y + n * from, x + (n * g.height + i) * to);
  });
}

}  // namespace

void register_pool(KernelTable& table) {
  table.add<MaxPool>(Device::cpu, max_pool_kernel);
  table.add<PoolScatter>(Device::cpu, pool_scatter_kernel);
  table.add<AvgPool>(Device::cpu, avg_pool_kernel);
  table.add<AvgPoolBwd>(Device::cpu, avg_pool_spread_kernel);
}

}  // namespace fovea::cpu
#endif
