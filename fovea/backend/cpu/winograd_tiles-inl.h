// Gathering the patches of Winograd's convolution from images.
//
// Included once per instruction set, by files that Highway compiles several times.
#if defined(FOVEA_BACKEND_CPU_WINOGRAD_TILES_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef FOVEA_BACKEND_CPU_WINOGRAD_TILES_INL_H_
#undef FOVEA_BACKEND_CPU_WINOGRAD_TILES_INL_H_
#else
#define FOVEA_BACKEND_CPU_WINOGRAD_TILES_INL_H_
#endif

#include <hwy/cache_control.h>
#include <hwy/highway.h>

#include "fovea/backend/cpu/for_channels-inl.h"
#include "fovea/backend/cpu/winograd_job.h"
#include "fovea/backend/cpu/winograd_transform-inl.h"

HWY_BEFORE_NAMESPACE();
namespace fovea::cpu::HWY_NAMESPACE {

// Some of the channels of some of the tiles.
struct TileRange {
  int64_t first, count;     // tiles
  int64_t begin, channels;  // channels
};

// Transformed tiles (count, squares, channels), at these distances.
struct TileMemory {
  float* data;
  int64_t slice, row;
};

// A tile's squares lie together, so that writing one is a single stream.
HWY_INLINE TileMemory tile_memory(const WinogradJob& job, float* data, int64_t channels) {
  return {data, padded_row(channels), job.squares() * padded_row(channels)};
}

// Where the pixels of a square of Size x Size lie whose first is (i, j) of an image (h, w,
// channels). Those outside are read from `zeros`, at least as long as a pixel.
template <int Size>
HWY_INLINE void FindPixels(
    const float* image,
    int64_t h,
    int64_t w,
    int64_t channels,
    int64_t i,
    int64_t j,
    const float* zeros,
    const float* (&pixels)[Size * Size]) {
  for (int p = 0; p < Size; ++p)
    for (int q = 0; q < Size; ++q) {
      const bool inside = i + p >= 0 && i + p < h && j + q >= 0 && j + q < w;
      pixels[p * Size + q] = inside ? image + ((i + p) * w + j + q) * channels : zeros;
    }
}

// Applies a matrix to the squares of `pixels` and stores the result as row t of `to`, while `next`,
// the pixels of the next tile, come nearer.
template <class Matrix>
HWY_INLINE void TransformPixels(
    const float* const* pixels,
    const float* const* next,
    const TileRange& range,
    int64_t t,
    const TileMemory& to) {
  constexpr int size = Matrix::from * Matrix::from;
  float* row = to.data + t * to.row;
  ForChannels(range.channels, [&](auto d, int64_t c) HWY_ATTR {
    for (int k = 0; k < size; ++k) hwy::Prefetch(next[k] + c);
    TransformSquare(
        d,
        Matrix(),
        [&](int p, int q) HWY_ATTR { return hn::LoadU(d, pixels[p * Matrix::from + q] + c); },
        [&](int p, int q, auto v)
            HWY_ATTR { hn::StoreU(v, d, row + (p * Matrix::to + q) * to.slice + c); });
  });
}

// B^T x B of the patches of x.
template <int M>
HWY_NOINLINE void TransformPatches(
    const WinogradJob& job,
    const TileRange& range,
    const float* x,
    const float* zeros,
    const TileMemory& to) {
  constexpr int P = M + 2;
  auto find = [&](int64_t t, const float*(&pixels)[P * P]) HWY_ATTR {
    const WinogradPlace at(job, range.first + t);
    const float* image = x + at.image * job.h * job.w * job.in + range.begin;
    FindPixels<P>(image, job.h, job.w, job.in, at.i - job.top, at.j - job.left, zeros, pixels);
  };
  const float* pixels[2][P * P];
  find(0, pixels[0]);
  for (int64_t t = 0; t < range.count; ++t) {
    const auto &now = pixels[t % 2], &next = pixels[(t + 1) % 2];
    find(std::min(t + 1, range.count - 1), pixels[(t + 1) % 2]);
    TransformPixels<typename WinogradMatrices<M>::Input>(now, next, range, t, to);
  }
}

}  // namespace fovea::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
