// The gradient of an input of few channels. Bound by multiply-adds.
//
// For a row of dy (Wo, O), all it adds to dx is one matrix product, w^T (kh kw I, O) dy^T (O, Wo),
// with vectors along the row, since there are too few channels to fill one. Each row of the product
// is then added to a row of dx, kept as planes of one channel and, with a stride s, of every s-th
// column: in a plane, neighbours in dy are neighbours.

// foreach_target.h includes this file once per instruction set, so it comes first.
// clang-format off
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "fovea/backend/cpu/narrow.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>
// clang-format on

#include "fovea/backend/cpu/narrow.h"

#include <algorithm>

#include "fovea/backend/cpu/parallel.h"
#include "fovea/backend/cpu/winograd_product-inl.h"

namespace fovea::cpu {
#ifndef FOVEA_BACKEND_CPU_NARROW_CPP_
#define FOVEA_BACKEND_CPU_NARROW_CPP_

// Some rows of one image of dx, and memory for them. Lengths are rounded up to `lanes`.
struct NarrowBand {
  static constexpr int64_t lanes = 32;  // at least a panel of any instruction set

  int64_t image, begin, end;  // rows of dx
  int64_t columns;            // of a row of dy
  int64_t margin, plane;      // of a plane: elements before column 0, all elements
  float* turned;              // (O, columns), a row of dy
  float* product;             // (kh kw I, columns)
  float* planes;              // (end - begin, I, stride, plane)

  explicit NarrowBand(const ConvExtents& e) {
    const int64_t s = e.right.stride;
    columns = (e.wo + lanes - 1) / lanes * lanes;
    margin = (e.right.before + s - 1) / s;
    plane = margin + columns + e.right.extent() / s + 1;
    plane = std::max(plane, margin + (e.w + s - 1) / s);
  }
  int64_t row(const ConvExtents& e) const { return e.in * e.right.stride * plane; }
  int64_t size(const ConvExtents& e, int64_t rows) const {
    return (e.out + e.kh * e.kw * e.in) * columns + rows * row(e);
  }
};

#endif
}  // namespace fovea::cpu

HWY_BEFORE_NAMESPACE();
namespace fovea::cpu::HWY_NAMESPACE {

// from (rows, columns) -> to (columns, stride), by squares of 4 x 4.
void Turn(const float* from, int64_t rows, int64_t columns, float* to, int64_t stride) {
  int64_t whole_rows = 0, whole = 0;
#if HWY_TARGET != HWY_SCALAR
  whole_rows = rows / 4 * 4, whole = columns / 4 * 4;
  const hn::FixedTag<float, 4> d;
  const hn::Repartition<uint64_t, decltype(d)> pairs;
  for (int64_t c = 0; c < whole; c += 4)
    for (int64_t r = 0; r < whole_rows; r += 4) {
      const float* x = from + r * columns + c;
      float* y = to + c * stride + r;
      const auto x0 = hn::LoadU(d, x), x1 = hn::LoadU(d, x + columns);
      const auto x2 = hn::LoadU(d, x + 2 * columns), x3 = hn::LoadU(d, x + 3 * columns);
      const auto low01 = hn::BitCast(pairs, hn::InterleaveLower(d, x0, x1));
      const auto low23 = hn::BitCast(pairs, hn::InterleaveLower(d, x2, x3));
      const auto high01 = hn::BitCast(pairs, hn::InterleaveUpper(d, x0, x1));
      const auto high23 = hn::BitCast(pairs, hn::InterleaveUpper(d, x2, x3));
      hn::StoreU(hn::BitCast(d, hn::InterleaveLower(pairs, low01, low23)), d, y);
      hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(pairs, low01, low23)), d, y + stride);
      hn::StoreU(hn::BitCast(d, hn::InterleaveLower(pairs, high01, high23)), d, y + 2 * stride);
      hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(pairs, high01, high23)), d, y + 3 * stride);
    }
#endif
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = r < whole_rows ? whole : 0; c < columns; ++c)
      to[c * stride + r] = from[r * columns + c];
}

// to += from, whole vectors of them.
HWY_INLINE void AddRow(const float* from, int64_t count, float* to) {
  const ProductTag d;
  for (int64_t i = 0; i < count; i += kPanel / 2)
    hn::StoreU(hn::Add(hn::LoadU(d, to + i), hn::Load(d, from + i)), d, to + i);
}

void NarrowRows(
    const ConvExtents& e, const NarrowBand& band, const float* dy, const float* w, float* dx) {
  const int64_t s = e.right.stride, row = band.row(e), taps = e.kh * e.kw * e.in;
  std::fill_n(band.planes, (band.end - band.begin) * row, 0.0f);
  std::fill_n(band.turned, e.out * band.columns, 0.0f);
  for (int64_t i = 0; i < e.ho; ++i) {
    const int64_t first = e.down.first(i);
    if (first >= band.end || first + e.down.extent() <= band.begin) continue;
    Turn(dy + (band.image * e.ho + i) * e.wo * e.out, e.wo, e.out, band.turned, band.columns);
    for (int64_t j = 0; j < e.wo; j += kPanel)
      ProductPanel<Neighbours::rows, false>(
          taps,
          kPanel,
          {e.out, w, taps, band.turned + j, band.columns, band.product + j, band.columns});
    for (int64_t p = 0; p < e.kh; ++p) {
      const int64_t r = first + p * e.down.dilation - band.begin;
      if (r < 0 || r >= band.end - band.begin) continue;
      for (int64_t q = 0; q < e.kw; ++q) {
        // Column j s - before + q d is element (j + at) of the plane `phase`.
        const int64_t shift = q * e.right.dilation - e.right.before + band.margin * s;
        const int64_t phase = shift % s, at = shift / s;
        for (int64_t c = 0; c < e.in; ++c)
          AddRow(
              band.product + ((p * e.kw + q) * e.in + c) * band.columns,
              band.columns,
              band.planes + r * row + (c * s + phase) * band.plane + at);
      }
    }
  }
  for (int64_t r = 0; r < band.end - band.begin; ++r) {
    float* to = dx + (band.image * e.h + band.begin + r) * e.w * e.in;
    const float* planes = band.planes + r * row + band.margin;
    for (int64_t j = 0; j < e.w; ++j)
      for (int64_t c = 0; c < e.in; ++c)
        to[j * e.in + c] = planes[(c * s + j % s) * band.plane + j / s];
  }
}

}  // namespace fovea::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fovea::cpu {

HWY_EXPORT(NarrowRows);

bool needs_narrow_data(const ConvExtents& e) {
  return e.groups == 1 && e.in <= 4 && e.out >= 16 && e.kh * e.kw > 1;
}

namespace {

// Bands of rows only where there are fewer images than threads: at their edges, rows of dy are
// multiplied twice.
struct Bands {
  int64_t count, items, used, size;  // of an image; of all; threads; floats for one

  explicit Bands(const ConvExtents& e) {
    const int64_t team = threads();
    count = std::min(e.h, (team + e.n - 1) / e.n);
    items = e.n * count, used = std::min(team, items);
    size = (NarrowBand(e).size(e, (e.h + count - 1) / count) + 15) / 16 * 16;
  }
};

}  // namespace

int64_t narrow_data_scratch(const ConvExtents& e) {
  const Bands bands(e);
  return bands.used * bands.size * int64_t(sizeof(float));
}

void narrow_data(const ConvExtents& e, const float* dy, const float* w, float* dx, Run& run) {
  const Bands cut(e);
  const int64_t bands = cut.count, items = cut.items, used = cut.used, size = cut.size;
  const NarrowBand layout(e);
  float* scratch = run.scratch.get<float>(size_t(used * size)).data();
  parallel_for(used, 1, [&](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t)
      for (int64_t item = items * t / used; item < items * (t + 1) / used; ++item) {
        NarrowBand band = layout;
        band.image = item / bands;
        band.begin = e.h * (item % bands) / bands;
        band.end = e.h * (item % bands + 1) / bands;
        band.turned = scratch + t * size;
        band.product = band.turned + e.out * band.columns;
        band.planes = band.product + e.kh * e.kw * e.in * band.columns;
        HWY_DYNAMIC_DISPATCH(NarrowRows)(e, band, dy, w, dx);
      }
  });
}

}  // namespace fovea::cpu
#endif
