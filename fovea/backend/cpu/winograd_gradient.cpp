// The gradient of the weights by Winograd's convolution. Bound by multiply-adds where there are at
// least 64 channels each way.
//
// dw = G^T [sum over tiles of (A dy A^T) * (B^T x B)] G: for each of the squares, a matrix product
// over the tiles. The work is cut into rectangles of filters and channels whose sums stay in the
// caches, and blocks of tiles. All threads work on one rectangle. Where its sums are small each
// thread has its own, of a group of the blocks, and the groups' are added at the end. Else all work
// on one block: each transforms some of its tiles, and adds some of the squares' products over it
// to the sums.

// foreach_target.h includes this file once per instruction set, so it comes first.
// clang-format off
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "fovea/backend/cpu/winograd_gradient.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>
// clang-format on

#include <algorithm>

#include "fovea/backend/cpu/parallel.h"
#include "fovea/backend/cpu/winograd.h"
#include "fovea/backend/cpu/winograd_job.h"
#include "fovea/backend/cpu/winograd_product-inl.h"
#include "fovea/backend/cpu/winograd_tiles-inl.h"

namespace fovea::cpu {
#ifndef FOVEA_BACKEND_CPU_WINOGRAD_GRADIENT_CPP_
#define FOVEA_BACKEND_CPU_WINOGRAD_GRADIENT_CPP_

// The sums of one rectangle, and a block of tiles to be added to them.
struct WinogradSum {
  int64_t first, count;       // tiles
  int64_t filter, filters;    // from, how many
  int64_t channel, channels;  // likewise
  float *v, *w;               // transformed patches of x and tiles of dy
  float* sums;            // (squares, filters, padded_row(channels)), squares filters_slice apart
  int64_t groups, group;  // how many such sums make the whole, and how many floats they are apart
};

// What is transformed: x, dy, and where the sum of each filter's dy is added, unless null.
struct WinogradSlopes {
  const float *x, *dy;
  float* bias;
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

// Transforms the tiles [begin, end) of the block. `zeros` is a pixel of them.
template <int M>
void TransformTilesOf(
    const WinogradJob& job,
    const WinogradSum& s,
    int64_t begin,
    int64_t end,
    const WinogradSlopes& from,
    const float* zeros) {
  TileMemory v = tile_memory(job, s.v, s.channels), w = tile_memory(job, s.w, s.filters);
  v.data += begin * v.row;
  w.data += begin * w.row;
  const int64_t first = s.first + begin, count = end - begin;
  TransformPatches<M>(job, {first, count, s.channel, s.channels}, from.x, zeros, v);
  TransformSlopes<M>(job, {first, count, s.filter, s.filters}, from.dy, zeros, from.bias, w);
}

void TransformTiles(
    const WinogradJob& job,
    const WinogradSum& s,
    int64_t begin,
    int64_t end,
    const WinogradSlopes& from,
    const float* zeros) {
  job.tile == 2 ? TransformTilesOf<2>(job, s, begin, end, from, zeros)
                : TransformTilesOf<4>(job, s, begin, end, from, zeros);
}

// Adds the block to rows [begin, end) of the sums' squares * filters, or begins them with it.
void AddProducts(
    const WinogradJob& job, const WinogradSum& s, int64_t begin, int64_t end, bool begins) {
  const int64_t row = padded_row(s.channels);
  const TileMemory v = tile_memory(job, s.v, s.channels), w = tile_memory(job, s.w, s.filters);
  while (begin < end) {
    const int64_t square = begin / s.filters, k = begin % s.filters;
    const int64_t rows = std::min(s.filters - k, end - begin);
    for (int64_t c = 0; c < s.channels; c += kPanel) {
      const ProductOperands product{
          s.count,
          w.data + square * w.slice + k,
          w.row,
          v.data + square * v.slice + c,
          v.row,
          s.sums + square * filters_slice(s.filters, row) + k * row + c,
          row};
      if (begins)
        ProductPanel<Neighbours::rows, false>(rows, s.channels - c, product);
      else
        ProductPanel<Neighbours::rows, true>(rows, s.channels - c, product);
    }
    begin += rows;
  }
}

// dw of filter `k` of a rectangle from the sums of all groups, `s` being the first.
template <int M>
void WriteFilterOf(const WinogradJob& job, const WinogradSum& s, int64_t k, float* dw) {
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
          for (int64_t g = 1; g < s.groups; ++g)
            sum = hn::Add(sum, hn::LoadU(d, from + g * s.group));
          return sum;
        },
        [&](int p, int q, auto v) HWY_ATTR { hn::StoreU(v, d, to + (p * 3 + q) * job.in + c); });
  });
}

void WriteFilter(const WinogradJob& job, const WinogradSum& s, int64_t k, float* dw) {
  job.tile == 2 ? WriteFilterOf<2>(job, s, k, dw) : WriteFilterOf<4>(job, s, k, dw);
}

}  // namespace fovea::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fovea::cpu {

namespace {

HWY_EXPORT(TransformTiles);
HWY_EXPORT(AddProducts);
HWY_EXPORT(WriteFilter);

int64_t divide_up(int64_t a, int64_t b) { return (a + b - 1) / b; }

// How a job is cut: rectangles of `filters` x `channels`, `blocks` of at most `block` tiles, and
// `groups` of blocks, one unless each thread has sums of its own.
struct Cut {
  int64_t filters, channels, block, blocks, groups;
  int64_t down, across;  // rectangles

  Cut(const WinogradJob& job) {
    const int64_t widest = 128, tallest = 128;
    across = divide_up(job.in, widest);
    channels = divide_up(divide_up(job.in, across), 32) * 32;
    across = divide_up(job.in, channels);
    down = divide_up(job.out, tallest);
    filters = divide_up(job.out, down);
    blocks = divide_up(job.tiles(), 64);
    block = divide_up(job.tiles(), blocks);
    blocks = divide_up(job.tiles(), block);
    constexpr int64_t small = 64 * 64;  // 590 KB of sums
    groups = filters * channels <= small ? std::min<int64_t>(threads(), blocks) : 1;
  }
  int64_t rectangles() const { return down * across; }
};

// The parts of a job's scratch memory, in floats: zeros, a bias gradient for each thread,
// transformed tiles and sums. Groups have a block and sums each; a block that all threads share has
// a second beside it, as some transform the next while others still add the one before.
struct Layout {
  Cut cut;
  int64_t zeros, slopes, biases, v, w, sums, buffers;

  Layout(const WinogradJob& job, bool bias) : cut(job) {
    zeros = padded_row(std::max(job.in, job.out));
    slopes = padded_row(job.out), biases = bias ? threads() * slopes : 0;
    v = cut.block * job.squares() * padded_row(cut.channels);
    w = cut.block * job.squares() * padded_row(cut.filters);
    sums = job.squares() * filters_slice(cut.filters, padded_row(cut.channels));
    buffers = std::max<int64_t>(2, cut.groups);
  }
  int64_t size() const { return zeros + biases + buffers * (v + w) + cut.groups * sums; }
};

}  // namespace

int64_t winograd_weights_scratch(const ConvExtents& e, WinogradTile tile, bool bias) {
  return Layout(forward_job(e, tile), bias).size() * int64_t(sizeof(float));
}

void winograd_backward_weights(
    const ConvExtents& e,
    WinogradTile tile,
    const float* x,
    const float* dy,
    float* dw,
    float* db,
    Run& run) {
  const WinogradJob job = forward_job(e, tile);
  const Layout l(job, db != nullptr);
  const Cut& cut = l.cut;
  const int64_t team = threads(), slopes = l.slopes;
  std::span<float> scratch = run.scratch.get<float>(size_t(l.size()));
  std::fill_n(scratch.begin(), l.zeros + l.biases, 0.0f);
  float* bias = scratch.data() + l.zeros;
  float* blocks = bias + l.biases;
  auto sum_of = [&](int64_t rectangle, int64_t block, int64_t group) {
    WinogradSum s{};
    s.first = block * cut.block;
    s.count = std::min(cut.block, job.tiles() - s.first);
    s.filter = rectangle / cut.across * cut.filters;
    s.filters = std::min(cut.filters, job.out - s.filter);
    s.channel = rectangle % cut.across * cut.channels;
    s.channels = std::min(cut.channels, job.in - s.channel);
    s.v = blocks + (cut.groups > 1 ? group : block % 2) * (l.v + l.w);
    s.w = s.v + l.v;
    s.sums = blocks + l.buffers * (l.v + l.w) + group * l.sums;
    s.groups = cut.groups;
    s.group = l.sums;
    return s;
  };
  const int64_t sharers = cut.groups > 1 ? 1 : team;  // of a block
  auto transform = [&](const WinogradSum& s, int64_t t) {
    const int64_t part = t % sharers;
    const int64_t begin = s.count * part / sharers, end = s.count * (part + 1) / sharers;
    float* own = db && s.channel == 0 ? bias + t * slopes + s.filter : nullptr;
    if (begin == end) return;
    HWY_DYNAMIC_DISPATCH(TransformTiles)
    (job, s, begin, end, {x, dy, own}, scratch.data());
  };
  auto add = [&](const WinogradSum& s, int64_t t, bool begins) {
    const int64_t rows = job.squares() * s.filters, part = t % sharers;
    HWY_DYNAMIC_DISPATCH(AddProducts)
    (job, s, rows * part / sharers, rows * (part + 1) / sharers, begins);
  };
  auto write = [&](int64_t rectangle, int64_t t) {
    const WinogradSum s = sum_of(rectangle, 0, 0);
    for (int64_t k = s.filters * t / team; k < s.filters * (t + 1) / team; ++k)
      HWY_DYNAMIC_DISPATCH(WriteFilter)(job, s, k, dw);
  };
  auto add_group = [&](int64_t rectangle, int64_t t) {
    const int64_t first = cut.blocks * t / cut.groups, end = cut.blocks * (t + 1) / cut.groups;
    for (int64_t block = first; block < end; ++block) {
      const WinogradSum s = sum_of(rectangle, block, t);
      transform(s, t);
      add(s, t, block == first);
    }
  };
  if (cut.groups > 1) {
    parallel_steps(team, 2 * cut.rectangles(), [&](int64_t step, int64_t t) {
      if (step % 2 == 1)
        write(step / 2, t);
      else if (t < cut.groups)
        add_group(step / 2, t);
    });
  } else {
    const int64_t steps = cut.blocks + 1;  // of a rectangle; it is written in the next one's first
    parallel_steps(team, cut.rectangles() * steps + 1, [&](int64_t step, int64_t t) {
      const int64_t rectangle = step / steps, block = step % steps;
      if (block > 0) add(sum_of(rectangle, block - 1, 0), t, block == 1);
      if (block == 0 && rectangle > 0) write(rectangle - 1, t);
      if (block < cut.blocks && rectangle < cut.rectangles())
        transform(sum_of(rectangle, block, 0), t);
    });
  }
  for (int64_t k = 0; db && k < job.out; ++k) {
    db[k] = 0;
    for (int64_t t = 0; t < team; ++t) db[k] += bias[t * slopes + k];
  }
}

}  // namespace fovea::cpu
#endif
