#pragma once

#include <algorithm>
#include <cstdint>

#include "fovea/backend/cpu/winograd.h"

// What the files of Winograd's convolution share.
namespace fovea::cpu {

// A 3 x 3 correlation of images (N, h, w, in) among zeros, cut into tiles of its outputs (N, ho,
// wo, out). Tiles are numbered along rows, then images.
struct WinogradJob {
  int64_t n, h, w, in;
  int64_t ho, wo, out;
  int64_t top, left;  // zeros before the first row and column
  int64_t tile;       // outputs along an edge

  int64_t patch() const { return tile + 2; }
  int64_t squares() const { return patch() * patch(); }  // products an input and output channel
  int64_t down() const { return (ho + tile - 1) / tile; }
  int64_t across() const { return (wo + tile - 1) / tile; }
  int64_t tiles() const { return n * down() * across(); }
};

// Where a tile's outputs begin, and how many of them lie inside.
struct WinogradPlace {
  int64_t image, i, j, rows, columns;

  WinogradPlace(const WinogradJob& job, int64_t t) {
    image = t / (job.down() * job.across());
    i = t / job.across() % job.down() * job.tile;
    j = t % job.across() * job.tile;
    rows = std::min(job.tile, job.ho - i);
    columns = std::min(job.tile, job.wo - j);
  }
};

inline WinogradJob forward_job(const ConvExtents& e, WinogradTile tile) {
  return {e.n, e.h, e.w, e.in, e.ho, e.wo, e.out, e.down.before, e.right.before, int64_t(tile)};
}

// dx is the correlation of dy with turned filters, dy standing among what is left of 2 zeros.
inline WinogradJob backward_job(const ConvExtents& e, WinogradTile tile) {
  return {
      e.n, e.ho, e.wo, e.out, e.h, e.w, e.in, 2 - e.down.before, 2 - e.right.before, int64_t(tile)};
}

// What a block's memory should fit into, in floats: half of the smallest L2 cache about.
constexpr int64_t kWinogradCache = 256 * 1024 / sizeof(float);

// Filters whose products are held at a time; a multiple of every panel.
constexpr int64_t kChunk = 64;

// One thread's share of a job: some tiles, and the filters [begin, end).
struct WinogradBlock {
  int64_t first, count;
  int64_t begin, end;
  ConvPass pass;
  const float *packed, *plain;  // weights; plain ones, unless null, are transformed chunk by chunk
  float *v, *m, *u;             // transformed inputs; memory for products and weights
};

// Filters are padded to the widest panel of any instruction set.
inline int64_t padded_filters(int64_t filters) { return (filters + 31) / 32 * 32; }

// The distance of the squares of that many transformed filters: a line more than they take, since
// at powers of two they would all meet in one set of the cache.
inline int64_t filters_slice(int64_t filters, int64_t channels) { return filters * channels + 16; }

// The distance of rows of `channels` floats: whole vectors, and no multiple of a page, at which
// rows would meet in one set of the cache.
inline int64_t padded_row(int64_t channels) { return (channels + 15) / 16 * 16 + 16; }

}  // namespace fovea::cpu
