// Winograd's convolution forward, and backward to x. Bound by multiply-adds where there are at
// least 64 channels each way; by the transforms' loads and stores below that.
//
// A block of tiles is transformed to V (squares, tiles, I). For a chunk of filters, each of the
// squares is a matrix product M = V U with the packed weights U; then the outputs of the chunk are
// transformed back while M is in the cache.

// foreach_target.h includes this file once per instruction set, so it comes first.
// clang-format off
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "fovea/backend/cpu/winograd.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>
// clang-format on

#include "fovea/backend/cpu/winograd.h"

#include <algorithm>

#include "fovea/backend/cpu/parallel.h"
#include "fovea/backend/cpu/winograd_filters-inl.h"
#include "fovea/backend/cpu/winograd_job.h"
#include "fovea/backend/cpu/winograd_product-inl.h"
#include "fovea/backend/cpu/winograd_tiles-inl.h"

HWY_BEFORE_NAMESPACE();
namespace fovea::cpu::HWY_NAMESPACE {

int64_t PanelWidth() { return kPanel; }

void PackPanel(const WinogradJob& job, ConvPass pass, int64_t panel, const float* w, float* u) {
  const int64_t slice = filters_slice(padded_filters(job.out), job.in);
  u += panel * kPanel * job.in;
  job.tile == 2 ? TransformPanel<2>(job, pass, panel, w, slice, u)
                : TransformPanel<4>(job, pass, panel, w, slice, u);
}

// y = A^T m A of the tiles, for the filters of the range.
template <int M>
HWY_NOINLINE void WriteOutputs(
    const WinogradJob& job,
    const TileRange& range,
    const TileMemory& m,
    const ConvFinish& finish,
    float* y) {
  constexpr int P = M + 2;
  for (int64_t t = 0; t < range.count; ++t) {
    const WinogradPlace place(job, range.first + t);
    const int64_t at =
        ((place.image * job.ho + place.i) * job.wo + place.j) * job.out + range.begin;
    const float* from = m.data + t * m.row;
    ForChannels(range.channels, [&](auto d, int64_t c) HWY_ATTR {
      auto bias = hn::Zero(d);
      if (finish.bias) bias = hn::LoadU(d, finish.bias + range.begin + c);
      TransformSquare(
          d,
          typename WinogradMatrices<M>::Output(),
          [&](int p, int q) HWY_ATTR { return hn::LoadU(d, from + (p * P + q) * m.slice + c); },
          [&](int p, int q, auto v) HWY_ATTR {
            if (p >= place.rows || q >= place.columns) return;
            const int64_t to = at + (p * job.wo + q) * job.out + c;
            v = hn::Add(v, bias);
            if (finish.residual) v = hn::Add(v, hn::LoadU(d, finish.residual + to));
            if (finish.relu) v = hn::Max(v, hn::Zero(d));
            hn::StoreU(v, d, y + to);
          });
    });
  }
}

template <int M>
void TransformTilesOf(
    const WinogradJob& job,
    int64_t first,
    int64_t count,
    const float* x,
    const float* zeros,
    float* v) {
  TransformPatches<M>(job, {first, count, 0, job.in}, x, zeros, tile_memory(job, v, job.in));
}

void TransformTiles(
    const WinogradJob& job,
    int64_t first,
    int64_t count,
    const float* x,
    const float* zeros,
    float* v) {
  job.tile == 2 ? TransformTilesOf<2>(job, first, count, x, zeros, v)
                : TransformTilesOf<4>(job, first, count, x, zeros, v);
}

// The outputs of a block of transformed tiles for the filters [begin, end), a chunk at a time.
template <int M>
void RunBlockOf(
    const WinogradJob& job, const WinogradBlock& block, const ConvFinish& finish, float* y) {
  const TileMemory m = tile_memory(job, block.m, kChunk);
  const int64_t row = padded_row(job.in);
  for (int64_t begin = block.begin; begin < block.end; begin += kChunk) {
    const int64_t end = std::min(begin + kChunk, block.end);
    const float* u = block.u;
    int64_t slice = filters_slice(kChunk, job.in);
    if (block.plain) {
      for (int64_t k = begin; k < end; k += kPanel)
        TransformPanel<M>(
            job, block.pass, k / kPanel, block.plain, slice, block.u + (k - begin) * job.in);
    } else {
      u = block.packed + begin * job.in;
      slice = filters_slice(padded_filters(job.out), job.in);
    }
    for (int64_t square = 0; square < job.squares(); ++square)
      for (int64_t k = begin; k < end; k += kPanel)
        ProductPanel<Neighbours::steps, false>(
            block.count,
            end - k,
            {job.in,
             block.v + square * row,
             job.squares() * row,
             u + square * slice + (k - begin) * job.in,
             kPanel,
             m.data + square * m.slice + k - begin,
             m.row});
    WriteOutputs<M>(job, {block.first, block.count, begin, end - begin}, m, finish, y);
  }
}

void RunBlock(
    const WinogradJob& job, const WinogradBlock& block, const ConvFinish& finish, float* y) {
  job.tile == 2 ? RunBlockOf<2>(job, block, finish, y) : RunBlockOf<4>(job, block, finish, y);
}

}  // namespace fovea::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fovea::cpu {

namespace {

HWY_EXPORT(PanelWidth);
HWY_EXPORT(PackPanel);
HWY_EXPORT(TransformTiles);
HWY_EXPORT(RunBlock);

int64_t divide_up(int64_t a, int64_t b) { return (a + b - 1) / b; }

int64_t weights_size(const WinogradJob& job) {
  return job.squares() * filters_slice(padded_filters(job.out), job.in);
}

// How a job is cut: into blocks of tiles, and where there are fewer blocks than threads, also into
// ranges of filters, which share the transformed tiles.
struct Cut {
  int64_t blocks, ranges = 1;
  bool transforms_chunks;  // plain weights are transformed a chunk at a time, not all before

  Cut(const WinogradJob& job, bool plain) {
    // Large weights come from memory once a block, so it should be worth it.
    const bool heavy = job.in * job.out > 128 * 128;
    const int64_t fit = kWinogradCache / (job.squares() * (job.in + kChunk));
    int64_t most = std::clamp<int64_t>(fit, heavy ? 48 : 24, 96);
    if (heavy && plain) most = 128;
    blocks = divide_up(job.tiles(), most);
    transforms_chunks = plain && blocks == 1;
    if (blocks < threads())
      ranges = std::min(divide_up(threads(), blocks), divide_up(job.out, kChunk));
    else
      blocks = std::min(job.tiles(), divide_up(blocks, threads()) * threads());
  }
};

// Where the parts of a job's scratch memory lie, in floats, and who works on it.
struct Layout {
  Cut cut;
  int64_t items, team, most;  // blocks by ranges; threads; tiles whose inputs lie side by side
  bool shares, transforms_all;
  int64_t zeros, tile, m, chunk, all, inputs;

  Layout(const WinogradJob& job, bool plain) : cut(job, plain) {
    items = cut.blocks * cut.ranges, team = std::min<int64_t>(threads(), items);
    shares = cut.ranges > 1;
    most = shares ? job.tiles() : divide_up(job.tiles(), cut.blocks);
    zeros = padded_row(job.in), tile = job.squares() * padded_row(job.in);
    m = divide_up(job.tiles(), cut.blocks) * job.squares() * padded_row(kChunk);
    chunk = cut.transforms_chunks ? job.squares() * filters_slice(kChunk, job.in) : 0;
    transforms_all = plain && !cut.transforms_chunks;
    all = transforms_all ? weights_size(job) : 0;
    inputs = (shares ? 1 : team) * most * tile;
  }
  int64_t size() const { return zeros + all + inputs + team * (m + chunk); }
};

void run_job(
    const WinogradJob& job,
    ConvPass pass,
    const float* x,
    const WinogradFilters& filters,
    const ConvFinish& finish,
    float* y,
    Run& run) {
  const Layout l(job, filters.plain != nullptr);
  const Cut& cut = l.cut;
  const int64_t items = l.items, team = l.team, tile = l.tile;
  float* scratch = run.scratch.get<float>(size_t(l.size())).data();
  std::fill_n(scratch, l.zeros, 0.0f);
  float *u = scratch + l.zeros, *v = u + l.all, *own = v + l.inputs;
  auto transform = [&](int64_t first, int64_t end, float* to) {
    HWY_DYNAMIC_DISPATCH(TransformTiles)(job, first, end - first, x, scratch, to);
  };
  auto pack = [&](int64_t t) {
    const int64_t panels = divide_up(job.out, HWY_DYNAMIC_DISPATCH(PanelWidth)());
    for (int64_t panel = panels * t / team; panel < panels * (t + 1) / team; ++panel)
      HWY_DYNAMIC_DISPATCH(PackPanel)(job, pass, panel, filters.plain, u);
  };
  auto prepare = [&](int64_t t) {
    const int64_t first = job.tiles() * t / team, end = job.tiles() * (t + 1) / team;
    if (l.transforms_all) pack(t);
    if (l.shares && first < end) transform(first, end, v + first * tile);
  };
  auto convolve = [&](int64_t t) {
    const int64_t chunks = divide_up(job.out, kChunk);
    WinogradBlock block;
    block.pass = pass;
    block.packed = l.transforms_all ? u : filters.packed;
    block.plain = cut.transforms_chunks ? filters.plain : nullptr;
    block.m = own + t * (l.m + l.chunk);
    block.u = block.m + l.m;
    for (int64_t item = items * t / team; item < items * (t + 1) / team; ++item) {
      const int64_t b = item / cut.ranges, r = item % cut.ranges;
      block.first = job.tiles() * b / cut.blocks;
      block.count = job.tiles() * (b + 1) / cut.blocks - block.first;
      block.begin = chunks * r / cut.ranges * kChunk;
      block.end = std::min(job.out, chunks * (r + 1) / cut.ranges * kChunk);
      block.v = v + (l.shares ? block.first : t * l.most) * tile;
      if (!l.shares) transform(block.first, block.first + block.count, block.v);
      HWY_DYNAMIC_DISPATCH(RunBlock)(job, block, finish, y);
    }
  };
  if (l.transforms_all || l.shares)
    parallel_steps(team, 2, [&](int64_t step, int64_t t) { step ? convolve(t) : prepare(t); });
  else
    parallel_for(team, 1, [&](int64_t begin, int64_t end) {
      for (int64_t t = begin; t < end; ++t) convolve(t);
    });
}

WinogradJob job_of(const ConvExtents& e, WinogradTile tile, ConvPass pass) {
  return pass == ConvPass::forward ? forward_job(e, tile) : backward_job(e, tile);
}

}  // namespace

std::optional<WinogradTile> winograd_tile(ConvRoute route) {
  if (route == ConvRoute::winograd2) return WinogradTile::two;
  if (route == ConvRoute::winograd4) return WinogradTile::four;
  return {};
}

bool winograd_applies(const ConvExtents& e) {
  return e.kh == 3 && e.kw == 3 && e.groups == 1 && e.down.stride == 1 && e.right.stride == 1 &&
         e.down.dilation == 1 && e.right.dilation == 1;
}

int64_t winograd_weights_size(const ConvExtents& e, WinogradTile tile, ConvPass pass) {
  return weights_size(job_of(e, tile, pass));
}

void winograd_weights(
    const ConvExtents& e, WinogradTile tile, ConvPass pass, const float* w, float* packed) {
  const WinogradJob job = job_of(e, tile, pass);
  const int64_t panels = divide_up(job.out, HWY_DYNAMIC_DISPATCH(PanelWidth)());
  parallel_for(panels, 1, [&](int64_t begin, int64_t end) {
    for (int64_t panel = begin; panel < end; ++panel)
      HWY_DYNAMIC_DISPATCH(PackPanel)(job, pass, panel, w, packed);
  });
}

int64_t winograd_scratch(const ConvExtents& e, WinogradTile tile, ConvPass pass) {
  return Layout(job_of(e, tile, pass), true).size() * int64_t(sizeof(float));
}

void winograd_forward(
    const ConvExtents& e,
    WinogradTile tile,
    const float* x,
    const WinogradFilters& filters,
    const ConvFinish& finish,
    float* y,
    Run& run) {
  run_job(forward_job(e, tile), ConvPass::forward, x, filters, finish, y, run);
}

void winograd_backward_data(
    const ConvExtents& e,
    WinogradTile tile,
    const float* dy,
    const WinogradFilters& filters,
    float* dx,
    Run& run) {
  run_job(backward_job(e, tile), ConvPass::backward_data, dy, filters, {}, dx, run);
}

}  // namespace fovea::cpu
#endif
