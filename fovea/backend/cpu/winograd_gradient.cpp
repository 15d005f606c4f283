// The gradient of the weights by Winograd's convolution. Bound by multiply-adds where there are at
// least 64 channels each way.
//
// dw = G^T [sum over tiles of (A dy A^T) * (B^T x B)] G: for each of the squares, a matrix product
// over the tiles. The work is cut into rectangles of filters and channels whose sums stay in the
// cache, and where these are too few for the threads also into groups of tiles, whose sums are
// added in the order of the groups.

// foreach_target.h includes this file once per instruction set, so it comes first.
// clang-format off
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "fovea/backend/cpu/winograd_gradient.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>
// clang-format on

#include <algorithm>
#include <numeric>

#include "fovea/backend/cpu/parallel.h"
#include "fovea/backend/cpu/winograd.h"
#include "fovea/backend/cpu/winograd_job.h"
#include "fovea/backend/cpu/winograd_product-inl.h"
#include "fovea/backend/cpu/winograd_tiles-inl.h"

namespace fovea::cpu {
#ifndef FOVEA_BACKEND_CPU_WINOGRAD_GRADIENT_CPP_
#define FOVEA_BACKEND_CPU_WINOGRAD_GRADIENT_CPP_

// The sums of one rectangle over one group of tiles.
struct WinogradSum {
  int64_t first, count, block;  // tiles, and how many of them are transformed at a time
  int64_t filter, filters;      // from, how many
  int64_t channel, channels;    // likewise
  const float* zeros;           // a pixel of them
  float *v, *w;                 // memory for transformed patches of x and tiles of dy
  float* sums;  // (squares, filters, padded_row(channels)), squares filters_slice apart
  float* bias;  // sums of dy, unless null
};

#endif
}  // namespace fovea::cpu

HWY_BEFORE_NAMESPACE();
namespace fovea::cpu::HWY_NAMESPACE {

// A dy A^T of the tiles of dy; `bias`, unless null, gains the sum of each filter's.
template <int M>
HWY_INLINE void TransformSlopes(
    const WinogradJob& job,
    const TileRange& range,
    const float* dy,
    const float* zeros,
    float* bias,
    const TileMemory& to) {
  auto find = [&](int64_t t, const float*(&pixels)[M * M]) HWY_ATTR {
    const WinogradPlace at(job, range.first + t);
    const float* image = dy + at.image * job.ho * job.wo * job.out + range.begin;
    FindPixels<M>(image, job.ho, job.wo, job.out, at.i, at.j, zeros, pixels);
  };
  const float* pixels[2][M * M];
  find(0, pixels[0]);
  for (int64_t t = 0; t < range.count; ++t) {
    const auto &now = pixels[t % 2], &next = pixels[(t + 1) % 2];
    find(std::min(t + 1, range.count - 1), pixels[(t + 1) % 2]);
    TransformPixels<typename WinogradMatrices<M>::OutputSlope>(now, next, range, t, to);
    if (!bias) continue;
    ForChannels(range.channels, [&](auto d, int64_t k) HWY_ATTR {
      auto sum = hn::LoadU(d, bias + k);
      for (const float* pixel : now) sum = hn::Add(sum, hn::LoadU(d, pixel + k));
      hn::StoreU(sum, d, bias + k);
    });
  }
}

template <int M>
void AddTilesOf(const WinogradJob& job, const WinogradSum& s, const float* x, const float* dy) {
  const int64_t row = padded_row(s.channels);
  const TileMemory v = tile_memory(job, s.v, s.channels), w = tile_memory(job, s.w, s.filters);
  if (s.bias) std::fill_n(s.bias, s.filters, 0.0f);
  for (int64_t done = 0; done < s.count; done += s.block) {
    const int64_t first = s.first + done, count = std::min(s.block, s.count - done);
    TransformPatches<M>(job, {first, count, s.channel, s.channels}, x, s.zeros, v);
    TransformSlopes<M>(job, {first, count, s.filter, s.filters}, dy, s.zeros, s.bias, w);
    for (int64_t square = 0; square < job.squares(); ++square)
      for (int64_t c = 0; c < s.channels; c += kPanel) {
        const ProductOperands product{
            count,
            w.data + square * w.slice,
            w.row,
            v.data + square * v.slice + c,
            v.row,
            s.sums + square * filters_slice(s.filters, row) + c,
            row};
        if (done == 0)
          ProductPanel<Neighbours::rows, false>(s.filters, s.channels - c, product);
        else
          ProductPanel<Neighbours::rows, true>(s.filters, s.channels - c, product);
      }
  }
}

void AddTiles(const WinogradJob& job, const WinogradSum& s, const float* x, const float* dy) {
  job.tile == 2 ? AddTilesOf<2>(job, s, x, dy) : AddTilesOf<4>(job, s, x, dy);
}

// dw of filter `k` of a rectangle from the sums of `groups` groups, `group` floats apart.
template <int M>
void WriteFilterOf(
    const WinogradJob& job,
    const WinogradSum& s,
    int64_t k,
    int64_t groups,
    int64_t group,
    float* dw) {
  constexpr int P = M + 2;
  const int64_t row = padded_row(s.channels), slice = filters_slice(s.filters, row);
  float* to = dw + (s.filter + k) * 9 * job.in + s.channel;
  ForChannels(s.channels, [&](auto d, int64_t c) HWY_ATTR {
    TransformSquare(
        d,
        typename WinogradMatrices<M>::WeightsSlope(),
        [&](int p, int q) HWY_ATTR {
          const float* from = s.sums + (p * P + q) * slice + k * row + c;
          hwy::Prefetch(from + row);  // of the next filter
          auto sum = hn::LoadU(d, from);
          for (int64_t g = 1; g < groups; ++g) sum = hn::Add(sum, hn::LoadU(d, from + g * group));
          return sum;
        },
        [&](int p, int q, auto v) HWY_ATTR { hn::StoreU(v, d, to + (p * 3 + q) * job.in + c); });
  });
}

void WriteFilter(
    const WinogradJob& job,
    const WinogradSum& s,
    int64_t k,
    int64_t groups,
    int64_t group,
    float* dw) {
  job.tile == 2 ? WriteFilterOf<2>(job, s, k, groups, group, dw)
                : WriteFilterOf<4>(job, s, k, groups, group, dw);
}

}  // namespace fovea::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fovea::cpu {

namespace {

HWY_EXPORT(AddTiles);
HWY_EXPORT(WriteFilter);

int64_t divide_up(int64_t a, int64_t b) { return (a + b - 1) / b; }

// How a job is cut: rectangles of `filters` x `channels`, `groups` of tiles, of which `block` are
// transformed at a time.
struct Cut {
  int64_t filters, channels, groups, block;
  int64_t down, across;  // rectangles

  Cut(const WinogradJob& job) {
    const int64_t widest = 128, tallest = 128;
    across = divide_up(job.in, widest);
    channels = divide_up(divide_up(job.in, across), 32) * 32;
    across = divide_up(job.in, channels);
    down = divide_up(job.out, tallest);
    filters = divide_up(job.out, down);
    const int64_t team = threads(), most = 4 * team;
    groups = rectangles() < most ? team / std::gcd(team, rectangles()) : 1;
    groups = std::min(groups, job.tiles());
    const int64_t of_group = divide_up(job.tiles(), groups);
    block = divide_up(of_group, divide_up(of_group, 64));
  }
  int64_t rectangles() const { return down * across; }
};

}  // namespace

void winograd_backward_weights(
    const ConvExtents& e,
    WinogradTile tile,
    const float* x,
    const float* dy,
    float* dw,
    float* db,
    Run& run) {
  const WinogradJob job = forward_job(e, tile);
  const Cut cut(job);
  const int64_t items = cut.rectangles() * cut.groups;
  const int64_t team = std::min<int64_t>(threads(), items);
  const int64_t zeros = std::max(job.in, job.out);
  const int64_t v = cut.block * job.squares() * padded_row(cut.channels);
  const int64_t w = cut.block * job.squares() * padded_row(cut.filters);
  // Without groups, a thread keeps the sums of one rectangle and writes it as soon as it is done.
  const int64_t sums = job.squares() * filters_slice(cut.filters, padded_row(cut.channels));
  const int64_t kept = cut.groups == 1 ? team : items;
  std::span<float> scratch =
      run.scratch.get<float>(size_t(zeros + team * (v + w) + kept * sums + cut.groups * job.out));
  std::fill_n(scratch.begin(), zeros, 0.0f);
  float* of_threads = scratch.data() + zeros;
  float* of_items = of_threads + team * (v + w);
  float* bias = of_items + kept * sums;
  // Items are numbered by rectangle, then group.
  auto sum_of = [&](int64_t item, int64_t t) {
    const int64_t rectangle = item / cut.groups, group = item % cut.groups;
    WinogradSum s{};
    s.first = job.tiles() * group / cut.groups;
    s.count = job.tiles() * (group + 1) / cut.groups - s.first;
    s.block = cut.block;
    s.filter = rectangle / cut.across * cut.filters;
    s.filters = std::min(cut.filters, job.out - s.filter);
    s.channel = rectangle % cut.across * cut.channels;
    s.channels = std::min(cut.channels, job.in - s.channel);
    s.zeros = scratch.data();
    s.v = of_threads + t * (v + w);
    s.w = s.v + v;
    s.sums = of_items + (cut.groups == 1 ? t : item) * sums;
    s.bias = db && s.channel == 0 ? bias + group * job.out + s.filter : nullptr;
    return s;
  };
  parallel_twice(
      team,
      [&](int64_t t) {
        for (int64_t i = items * t / team; i < items * (t + 1) / team; ++i) {
          const WinogradSum s = sum_of(i, t);
          HWY_DYNAMIC_DISPATCH(AddTiles)(job, s, x, dy);
          for (int64_t k = 0; cut.groups == 1 && k < s.filters; ++k)
            HWY_DYNAMIC_DISPATCH(WriteFilter)(job, s, k, 1, 0, dw);
        }
      },
      [&](int64_t t) {
        const int64_t rows = cut.groups == 1 ? 0 : cut.rectangles() * cut.filters;
        for (int64_t r = rows * t / team; r < rows * (t + 1) / team; ++r) {
          const WinogradSum s = sum_of(r / cut.filters * cut.groups, t);
          const int64_t k = r % cut.filters;
          if (k < s.filters) HWY_DYNAMIC_DISPATCH(WriteFilter)(job, s, k, cut.groups, sums, dw);
        }
      });
  for (int64_t k = 0; db && k < job.out; ++k) {
    db[k] = 0;
    for (int64_t group = 0; group < cut.groups; ++group) db[k] += bias[group * job.out + k];
  }
}

}  // namespace fovea::cpu
#endif
