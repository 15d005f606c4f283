#include "fovea/backend/cpu/conv_gemm.h"

#include <algorithm>

#include "fovea/backend/cpu/gemm.h"
#include "fovea/backend/cpu/parallel.h"

namespace fovea::cpu {

namespace {

// The elements of one group: `in` and `out` channels from `first_in` and `first_out` on.
struct Group {
  int64_t in, out, first_in, first_out, taps;
  Group(const ConvExtents& e, int64_t g)
      : in(e.in / e.groups),
        out(e.out / e.groups),
        first_in(g * in),
        first_out(g * out),
        taps(e.kh * e.kw) {}
};

struct Pixel {
  int64_t n, i, j;
};
Pixel pixel_of(int64_t index, int64_t height, int64_t width) {
  return {index / width / height, index / width % height, index % width};
}

// Calls f(position, tap row, tap column, first channel, channels) for the stretches of channels
// that columns [k0, k0 + kc) of a matrix (..., taps x channels) consist of.
template <class F>
void for_each_stretch(const ConvExtents& e, int64_t channels, int64_t k0, int64_t kc, F&& f) {
  for (int64_t k = k0; k < k0 + kc;) {
    const int64_t tap = k / channels, c = k % channels;
    const int64_t count = std::min(channels - c, k0 + kc - k);
    f(k - k0, tap / e.kw, tap % e.kw, c, count);
    k += count;
  }
}

// The pixel of x (N, H, W, C) that a window's tap reads; null where it is padding.
const float* read_by(const ConvExtents& e, const float* x, const Pixel& y, int64_t p, int64_t q) {
  const int64_t row = e.down.first(y.i) + p * e.down.dilation;
  const int64_t column = e.right.first(y.j) + q * e.right.dilation;
  if (row < 0 || row >= e.h || column < 0 || column >= e.w) return nullptr;
  return x + ((y.n * e.h + row) * e.w + column) * e.in;
}

// The window of dy (N, Ho, Wo, O) whose tap reads this pixel of x; null where there is none.
const float* reader_of(
    const ConvExtents& e, const float* dy, const Pixel& x, int64_t p, int64_t q) {
  const int64_t row = x.i + e.down.before - p * e.down.dilation;
  const int64_t column = x.j + e.right.before - q * e.right.dilation;
  if (row < 0 || column < 0 || row % e.down.stride != 0 || column % e.right.stride != 0)
    return nullptr;
  const int64_t i = row / e.down.stride, j = column / e.right.stride;
  if (i >= e.ho || j >= e.wo) return nullptr;
  return dy + ((x.n * e.ho + i) * e.wo + j) * e.out;
}

// What PackRows writes beside `count` rows: zeros in the rest of the last panel.
void clear_rest(int64_t count, int64_t kc, int64_t panel, float* to) {
  if (const int64_t rest = count % panel) std::fill_n(to + (count - rest) * kc, kc * panel, 0.0f);
}

struct Rows {
  int64_t first, count;
};

// Writes column k of some rows, which lie side by side at `from`; zeros where that is null.
void copy_column(const float* from, Rows rows, int64_t k, int64_t kc, int64_t panel, float* to) {
  for (int64_t done = 0; done < rows.count;) {
    const int64_t r = rows.first + done, at = r % panel;
    const int64_t part = std::min(panel - at, rows.count - done);
    float* row = to + (r - at) * kc + k * panel + at;
    if (from)
      std::copy_n(from + done, part, row);
    else
      std::fill_n(row, part, 0.0f);
    done += part;
  }
}

// Rows are pixels, columns (tap, channel); `source(pixel, p, q)` says where the channels lie.
template <class Source>
PackRows patches(
    const ConvExtents& e, int64_t height, int64_t width, int64_t channels, Source source) {
  return [=](int64_t first, int64_t count, int64_t k0, int64_t kc, int64_t panel, float* to) {
    clear_rest(count, kc, panel, to);
    for (int64_t r = 0; r < count; ++r) {
      const Pixel pixel = pixel_of(first + r, height, width);
      float* row = to + r / panel * panel * kc + r % panel;
      for_each_stretch(
          e, channels, k0, kc, [&](int64_t k, int64_t p, int64_t q, int64_t c, int64_t n) {
            const float* from = source(pixel, p, q);
            float* at = row + k * panel;
            for (int64_t i = 0; i < n; ++i) at[i * panel] = from ? from[c + i] : 0;
          });
    }
  };
}

// The transpose of `patches`: rows (tap, channel), columns pixels.
template <class Source>
PackRows patches_transposed(
    const ConvExtents& e, int64_t height, int64_t width, int64_t channels, Source source) {
  return [=](int64_t first, int64_t count, int64_t k0, int64_t kc, int64_t panel, float* to) {
    clear_rest(count, kc, panel, to);
    for (int64_t k = 0; k < kc; ++k) {
      const Pixel pixel = pixel_of(k0 + k, height, width);
      for_each_stretch(
          e, channels, first, count, [&](int64_t r, int64_t p, int64_t q, int64_t c, int64_t n) {
            const float* from = source(pixel, p, q);
            copy_column(from ? from + c : nullptr, {r, n}, k, kc, panel, to);
          });
    }
  };
}

// The product that a group's pass is.
GemmExtents product_of(const ConvExtents& e, ConvPass pass) {
  const Group group(e, 0);
  if (pass == ConvPass::forward) return {e.n * e.ho * e.wo, group.out, group.taps * group.in};
  if (pass == ConvPass::backward_data) return {e.n * e.h * e.w, group.in, group.taps * group.out};
  return {group.out, group.taps * group.in, e.n * e.ho * e.wo};
}

// Of the sum below: their number depends on the size alone.
int64_t parts_of(const ConvExtents& e) { return std::min<int64_t>(e.n * e.ho * e.wo, 16); }

// db[o] = the sum of dy over every pixel, in parts.
void sum_pixels(const ConvExtents& e, const float* dy, float* db, Run& run) {
  const int64_t pixels = e.n * e.ho * e.wo, parts = parts_of(e);
  std::span<float> sums = run.scratch.get<float>(size_t(parts * e.out));
  std::ranges::fill(sums, 0.0f);
  parallel_for(parts, 1, [&](int64_t begin, int64_t end) {
    for (int64_t part = begin; part < end; ++part)
      for (int64_t r = pixels * part / parts; r < pixels * (part + 1) / parts; ++r)
        for (int64_t o = 0; o < e.out; ++o) sums[size_t(part * e.out + o)] += dy[r * e.out + o];
  });
  for (int64_t o = 0; o < e.out; ++o) {
    db[o] = 0;
    for (int64_t part = 0; part < parts; ++part) db[o] += sums[size_t(part * e.out + o)];
  }
}

}  // namespace

int64_t gemm_conv_scratch(const ConvExtents& e, ConvPass pass, bool bias) {
  const int64_t sums = bias && pass == ConvPass::backward_weights ? parts_of(e) * e.out : 0;
  return e.groups * gemm_scratch(product_of(e, pass)) + sums * int64_t(sizeof(float));
}

void gemm_conv_forward(
    const ConvExtents& e,
    const float* x,
    const float* w,
    const ConvFinish& finish,
    float* y,
    Run& run) {
  for (int64_t g = 0; g < e.groups; ++g) {
    const Group group(e, g);
    const int64_t depth = group.taps * group.in;
    auto source = [&e, x, group](const Pixel& pixel, int64_t p, int64_t q) {
      const float* from = read_by(e, x, pixel, p, q);
      return from ? from + group.first_in : nullptr;
    };
    gemm(
        product_of(e, ConvPass::forward),
        patches(e, e.ho, e.wo, group.in, source),
        strided_rows(w + group.first_out * depth, depth, 1),
        {.y = y + group.first_out,
         .stride = e.out,
         .bias = finish.bias ? finish.bias + group.first_out : nullptr,
         .residual = finish.residual ? finish.residual + group.first_out : nullptr,
         .relu = finish.relu},
        run);
  }
}

void gemm_conv_backward_data(
    const ConvExtents& e, const float* dy, const float* w, float* dx, Run& run) {
  for (int64_t g = 0; g < e.groups; ++g) {
    const Group group(e, g);
    auto source = [&e, dy, group](const Pixel& pixel, int64_t p, int64_t q) {
      const float* from = reader_of(e, dy, pixel, p, q);
      return from ? from + group.first_out : nullptr;
    };
    // Rows are channels of x, columns (tap, filter).
    const float* first = w + group.first_out * group.taps * group.in;
    auto weights = [&e, first, group](
                       int64_t c, int64_t count, int64_t k0, int64_t kc, int64_t panel, float* to) {
      clear_rest(count, kc, panel, to);
      for_each_stretch(
          e, group.out, k0, kc, [&](int64_t k, int64_t p, int64_t q, int64_t o, int64_t n) {
            const float* from = first + (p * e.kw + q) * group.in + c;
            for (int64_t i = 0; i < n; ++i)
              copy_column(from + (o + i) * group.taps * group.in, {0, count}, k + i, kc, panel, to);
          });
    };
    gemm(
        product_of(e, ConvPass::backward_data),
        patches(e, e.h, e.w, group.out, source),
        weights,
        {.y = dx + group.first_in, .stride = e.in},
        run);
  }
}

void gemm_conv_backward_weights(
    const ConvExtents& e, const float* x, const float* dy, float* dw, float* db, Run& run) {
  for (int64_t g = 0; g < e.groups; ++g) {
    const Group group(e, g);
    const int64_t columns = group.taps * group.in;
    auto source = [&e, x, group](const Pixel& pixel, int64_t p, int64_t q) {
      const float* from = read_by(e, x, pixel, p, q);
      return from ? from + group.first_in : nullptr;
    };
    gemm(
        product_of(e, ConvPass::backward_weights),
        strided_rows(dy + group.first_out, 1, e.out),
        patches_transposed(e, e.ho, e.wo, group.in, source),
        {.y = dw + group.first_out * columns, .stride = columns},
        run);
  }
  if (db) sum_pixels(e, dy, db, run);
}

}  // namespace fovea::cpu
