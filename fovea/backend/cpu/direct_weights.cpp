// The weights' gradient of a convolution of few channels, with vectors along the filters.
//
// Bound by multiply-adds, one for each number of x that is spread over a vector: what the filters
// leave empty of the last vector is lost (a quarter for LeNet-5's six).

// foreach_target.h includes this file once per instruction set, so it comes first.
// clang-format off
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "fovea/backend/cpu/direct_weights.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>
// clang-format on

#include <algorithm>

#include "fovea/backend/cpu/direct-inl.h"
#include "fovea/backend/cpu/direct.h"
#include "fovea/backend/cpu/direct_bands.h"
#include "fovea/backend/cpu/parallel.h"

HWY_BEFORE_NAMESPACE();
namespace fovea::cpu::HWY_NAMESPACE {

// Calls f(vectors of dy, first number of the pixel's window in the picture) for each pixel of a
// band; the lanes after the block's filters hold anything.
template <int Vectors, class F>
HWY_INLINE void ForPixels(
    const DirectShape& s,
    const DirectBand& band,
    const float* dy,
    int64_t first,
    int64_t filters,
    const F& f) {
  const DirectTag d;
  const ConvExtents& e = s.e;
  const int64_t step = e.right.stride * e.in, size = e.n * e.ho * e.wo * e.out;
  for (int64_t i = band.begin; i < band.end; ++i) {
    const int64_t at = (band.image * e.ho + i) * e.wo * e.out + first;
    const float* from = dy + at;
    // Whole vectors end where dy ends at the latest.
    const int64_t room = size - at - Vectors * kLanes;
    const int64_t whole = room < 0 ? 0 : std::min(e.wo, room / e.out + 1);
    int64_t place = (i - band.begin) * e.down.stride * s.row, j = 0;
    DirectVec v[Vectors];
    for (; j < whole; ++j, from += e.out, place += step) {
      Each<Vectors>([&](auto k) HWY_ATTR { v[k] = hn::LoadU(d, from + k * kLanes); });
      f(v, place);
    }
    for (; j < e.wo; ++j, from += e.out, place += step) {
      Each<Vectors>([&](auto k) HWY_ATTR {
        v[k] = LoadFirst(from + k * kLanes, std::min(kLanes, filters - k * kLanes));
      });
      f(v, place);
    }
  }
}

template <int Vectors>
HWY_INLINE void AddTo(const DirectVec* sum, float* to) {
  const DirectTag d;
  Each<Vectors>([&](auto v) HWY_ATTR {
    hn::StoreU(hn::Add(hn::LoadU(d, to + v * kLanes), sum[v]), d, to + v * kLanes);
  });
}

// Adds what a band gives to a block's sums (taps + 1, Vectors * lanes), the last being of dy alone.
template <int Vectors>
void SumBlock(
    const DirectShape& s,
    const DirectBand& band,
    const float* picture,
    const float* dy,
    int64_t first,
    int64_t filters,
    bool bias,
    float* sums) {
  const DirectTag d;
  constexpr int group = Vectors == 1 ? 9 : Vectors == 2 ? 5 : Vectors == 3 ? 3 : 2;
  const int64_t taps = s.taps();
  for (int64_t t = 0; t < taps; t += group) {
    const float* x[group];
    DirectVec sum[group * Vectors];
    Each<group>([&](auto g) HWY_ATTR {
      x[g] = picture + s.offsets[size_t(std::min<int64_t>(t + g, taps - 1))];
      Each<Vectors>([&](auto v) HWY_ATTR { sum[g * Vectors + v] = hn::Zero(d); });
    });
    ForPixels<Vectors>(
        s, band, dy, first, filters, [&](const DirectVec* pixel, int64_t place) HWY_ATTR {
          Each<group>([&](auto g) HWY_ATTR {
            const DirectVec number = hn::Set(d, x[g][place]);
            Each<Vectors>([&](auto v) HWY_ATTR {
              sum[g * Vectors + v] = hn::MulAdd(number, pixel[v], sum[g * Vectors + v]);
            });
          });
        });
    Each<group>([&](auto g) HWY_ATTR {
      if (t + g < taps) AddTo<Vectors>(sum + g * Vectors, sums + (t + g) * Vectors * kLanes);
    });
  }
  if (!bias) return;
  DirectVec sum[Vectors];
  Each<Vectors>([&](auto v) HWY_ATTR { sum[v] = hn::Zero(d); });
  ForPixels<Vectors>(s, band, dy, first, filters, [&](const DirectVec* pixel, int64_t) HWY_ATTR {
    Each<Vectors>([&](auto v) HWY_ATTR { sum[v] = hn::Add(sum[v], pixel[v]); });
  });
  AddTo<Vectors>(sum, sums + taps * Vectors * kLanes);
}

void WeightsBand(
    const DirectShape& s,
    const DirectBand& band,
    const float* picture,
    const float* dy,
    bool bias,
    float* sums) {
  ForBlocks(s.e.out, [&](auto vectors, int64_t first, int64_t filters) HWY_ATTR {
    SumBlock<vectors>(s, band, picture, dy, first, filters, bias, sums + first * (s.taps() + 1));
  });
}

// dw (O, taps) and db (O) from the sums of some parts.
void UnpackSums(const DirectShape& s, const float* sums, int64_t parts, float* dw, float* db) {
  const int64_t taps = s.taps(), part = s.weights();
  ForBlocks(s.e.out, [&](auto vectors, int64_t first, int64_t filters) {
    constexpr int64_t width = vectors * kLanes;
    for (int64_t o = 0; o < filters; ++o)
      for (int64_t t = 0; t < taps + (db ? 1 : 0); ++t) {
        float sum = 0;
        for (int64_t k = 0; k < parts; ++k)
          sum += sums[k * part + first * (taps + 1) + t * width + o];
        (t < taps ? dw[(first + o) * taps + t] : db[first + o]) = sum;
      }
  });
}

}  // namespace fovea::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fovea::cpu {

HWY_EXPORT(WeightsBand);
HWY_EXPORT(UnpackSums);

namespace {

// Sums are kept in parts, whose number depends on the shape alone. A band's part of dy, which is
// read once for each group of taps, stays in the second cache.
constexpr int64_t kParts = 16, kNear = 32 << 10;  // floats
DirectBands bands_of(const ConvExtents& e) {
  return {e.n, e.ho, std::max(kParts, e.n * e.ho * e.wo * e.out / kNear)};
}

}  // namespace

int64_t direct_weights_scratch(const ConvExtents& e) {
  const DirectShape s(e);
  const DirectBands bands = bands_of(e);
  const int64_t parts = std::min(kParts, bands.items());
  const int64_t pictures = std::min<int64_t>(threads(), parts);
  return (parts * s.weights() + pictures * s.picture(bands)) * int64_t(sizeof(float));
}

void direct_weights(
    const ConvExtents& e, const float* x, const float* dy, float* dw, float* db, Run& run) {
  const DirectShape s(e);
  const DirectBands bands = bands_of(e);
  const int64_t items = bands.items(), parts = std::min(kParts, items);
  const int64_t used = std::min<int64_t>(threads(), parts), size = s.picture(bands);
  float* sums = run.scratch.get<float>(size_t(parts * s.weights() + used * size)).data();
  parallel_for(used, 1, [&](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t)
      for (int64_t part = parts * t / used; part < parts * (t + 1) / used; ++part) {
        float* picture = sums + parts * s.weights() + t * size;
        std::fill_n(sums + part * s.weights(), s.weights(), 0.0f);
        for (int64_t i = items * part / parts; i < items * (part + 1) / parts; ++i) {
          s.fill(bands.at(i), x, picture);
          HWY_DYNAMIC_DISPATCH(WeightsBand)
          (s, bands.at(i), picture, dy, db != nullptr, sums + part * s.weights());
        }
      }
  });
  HWY_DYNAMIC_DISPATCH(UnpackSums)(s, sums, parts, dw, db);
}

}  // namespace fovea::cpu
#endif
