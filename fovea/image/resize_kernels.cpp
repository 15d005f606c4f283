#include "fovea/image/resize_kernels.h"

#include <algorithm>
#include <cstring>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace fovea::image {

namespace {

constexpr int half = 1 << (precision_bits - 1);

inline uint8_t to_u8(int32_t sum) { return uint8_t(std::clamp(sum >> precision_bits, 0, 255)); }

template <int C>
void columns_of_row(const uint8_t* in, uint8_t* out, int width, const Coefficients& k) {
  for (int x = 0; x < width; ++x, out += C) {
    const int32_t* w = &k.weight[size_t(x) * size_t(k.taps)];
    const uint8_t* p = in + size_t(k.first[size_t(x)]) * C;
    int32_t sum[C];
    for (int c = 0; c < C; ++c) sum[c] = half;
    const int count = k.count[size_t(x)];
    for (int i = 0; i < count; ++i, p += C)
      for (int c = 0; c < C; ++c) sum[c] += p[c] * w[i];
    for (int c = 0; c < C; ++c) out[c] = to_u8(sum[c]);
  }
}

void columns_of_row(
    const uint8_t* in, uint8_t* out, int width, int channels, const Coefficients& k) {
  switch (channels) {
    case 1:
      return columns_of_row<1>(in, out, width, k);
    case 2:
      return columns_of_row<2>(in, out, width, k);
    case 3:
      return columns_of_row<3>(in, out, width, k);
    default:
      return columns_of_row<4>(in, out, width, k);
  }
}

// Bytes [from, to) of one output row from `count` rows that lie `stride` bytes apart.
void sum_rows(
    const uint8_t* in,
    size_t stride,
    const int32_t* weights,
    int count,
    uint8_t* out,
    size_t from,
    size_t to) {
  for (size_t j = from; j < to; ++j) {
    int32_t sum = half;
    for (int i = 0; i < count; ++i) sum += in[size_t(i) * stride + j] * weights[i];
    out[j] = to_u8(sum);
  }
}

#ifdef __SSE2__

// SSE2 has no 32-bit multiplication but one of 16-bit pairs: a0 b0 + a1 b1. A coefficient is split
// into high * 2^11 + low, and two taps are summed at once for each half. All sums are modulo 2^32
// and the whole fits, so the result is that of the plain loops.
constexpr int low_bits = 11;

inline int32_t high_pair(int32_t w0, int32_t w1) {
  return int32_t(uint32_t(uint16_t(w0 >> low_bits)) | uint32_t(w1 >> low_bits) << 16);
}

inline int32_t low_pair(int32_t w0, int32_t w1) {
  constexpr uint32_t mask = (1u << low_bits) - 1;
  return int32_t((uint32_t(w0) & mask) | (uint32_t(w1) & mask) << 16);
}

struct Sums {
  __m128i high = _mm_setzero_si128(), low = _mm_set1_epi32(half);

  // Adds four lanes of pairs of 16-bit values.
  void add(__m128i pairs, __m128i w_high, __m128i w_low) {
    high = _mm_add_epi32(high, _mm_madd_epi16(pairs, w_high));
    low = _mm_add_epi32(low, _mm_madd_epi16(pairs, w_low));
  }
  __m128i result() const {
    return _mm_srai_epi32(_mm_add_epi32(_mm_slli_epi32(high, low_bits), low), precision_bits);
  }
};

// Coefficients in pairs of taps; no pair reaches past the end of a row, which is longer than the
// taps.
struct PairedCoefficients {
  int pairs = 0;
  std::vector<int> first;
  std::vector<int32_t> high, low;

  PairedCoefficients(const Coefficients& k, int in_width)
      : pairs((k.taps + 1) / 2), first(k.first) {
    high.resize(first.size() * size_t(pairs));
    low.resize(high.size());
    std::vector<int32_t> w(size_t(2 * pairs));
    for (size_t x = 0; x < first.size(); ++x) {
      const int32_t* from = &k.weight[x * size_t(k.taps)];
      const int used = k.count[x] + k.count[x] % 2;
      const int shift = first[x] + used > in_width ? 1 : 0;
      first[x] -= shift;
      std::fill(w.begin(), w.end(), 0);
      std::copy(from, from + k.count[x], w.begin() + shift);
      for (size_t i = 0; i < size_t(pairs); ++i) {
        high[x * size_t(pairs) + i] = high_pair(w[2 * i], w[2 * i + 1]);
        low[x * size_t(pairs) + i] = low_pair(w[2 * i], w[2 * i + 1]);
      }
    }
  }
};

inline __m128i load_pixel(const uint8_t* p) {
  int32_t bytes;
  std::memcpy(&bytes, p, sizeof bytes);
  return _mm_cvtsi32_si128(bytes);
}

// A row with C = 3 or 4 channels, a pixel in four lanes; reads one byte after the row when C is 3.
template <int C>
void columns_in_lanes(
    const uint8_t* in,
    uint8_t* out,
    int width,
    const Coefficients& k,
    const PairedCoefficients& p) {
  const __m128i zero = _mm_setzero_si128();
  const int32_t *high = p.high.data(), *low = p.low.data();
  for (int x = 0; x < width; ++x, out += C, high += p.pairs, low += p.pairs) {
    const uint8_t* pixel = in + size_t(p.first[size_t(x)]) * C;
    const int pairs = (k.count[size_t(x)] + 1) / 2;
    Sums sums;
    for (int i = 0; i < pairs; ++i, pixel += 2 * C) {
      __m128i both = _mm_unpacklo_epi8(load_pixel(pixel), load_pixel(pixel + C));
      sums.add(_mm_unpacklo_epi8(both, zero), _mm_set1_epi32(high[i]), _mm_set1_epi32(low[i]));
    }
    const __m128i words = _mm_packs_epi32(sums.result(), zero);
    const int32_t bytes = _mm_cvtsi128_si32(_mm_packus_epi16(words, zero));
    std::memcpy(out, &bytes, C);
  }
}

// Sixteen bytes of one output row.
void sum_rows_16(
    const uint8_t* in, size_t stride, const int32_t* weights, int count, uint8_t* out) {
  const __m128i zero = _mm_setzero_si128();
  Sums sums[4];
  for (int i = 0; i < count; i += 2, in += 2 * stride) {
    const bool two = i + 1 < count;
    const __m128i a = _mm_loadu_si128(reinterpret_cast<const __m128i*>(in));
    const __m128i b = two ? _mm_loadu_si128(reinterpret_cast<const __m128i*>(in + stride)) : zero;
    const int32_t w0 = weights[i], w1 = two ? weights[i + 1] : 0;
    const __m128i high = _mm_set1_epi32(high_pair(w0, w1)), low = _mm_set1_epi32(low_pair(w0, w1));
    const __m128i left = _mm_unpacklo_epi8(a, b), right = _mm_unpackhi_epi8(a, b);
    sums[0].add(_mm_unpacklo_epi8(left, zero), high, low);
    sums[1].add(_mm_unpackhi_epi8(left, zero), high, low);
    sums[2].add(_mm_unpacklo_epi8(right, zero), high, low);
    sums[3].add(_mm_unpackhi_epi8(right, zero), high, low);
  }
  const __m128i bytes = _mm_packus_epi16(
      _mm_packs_epi32(sums[0].result(), sums[1].result()),
      _mm_packs_epi32(sums[2].result(), sums[3].result()));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(out), bytes);
}

#endif

}  // namespace

void resize_columns(const Image& in, int row, Image& out, const Coefficients& k) {
  int y = 0;
#ifdef __SSE2__
  if (in.channels >= 3 && in.width > k.taps) {
    const PairedCoefficients pairs(k, in.width);
    // The last row of three-channel pixels is left to the plain loop, which reads nothing after it.
    const int end = std::min(out.height, in.channels == 3 ? in.height - 1 - row : out.height);
    const auto one_row = in.channels == 3 ? columns_in_lanes<3> : columns_in_lanes<4>;
    for (; y < end; ++y) one_row(in.row(row + y), out.row(y), out.width, k, pairs);
  }
#endif
  for (; y < out.height; ++y)
    columns_of_row(in.row(row + y), out.row(y), out.width, in.channels, k);
}

void resize_rows(const Image& in, Image& out, const Coefficients& k) {
  const size_t n = in.row_bytes();
  for (int y = 0; y < out.height; ++y) {
    const int32_t* weights = &k.weight[size_t(y) * size_t(k.taps)];
    const uint8_t* from = in.row(k.first[size_t(y)]);
    const int count = k.count[size_t(y)];
    uint8_t* to = out.row(y);
    size_t done = 0;
#ifdef __SSE2__
    for (; done + 16 <= n; done += 16) sum_rows_16(from + done, n, weights, count, to + done);
#endif
    sum_rows(from, n, weights, count, to, done, n);
  }
}

}  // namespace fovea::image
