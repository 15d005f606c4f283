// Bound by the angles: one arctangent a pixel, next to which the votes of a pixel in the blocks
// around it, read from a table, are little.
#include "fovea/backend/ref/features.h"

#include <cmath>
#include <numbers>
#include <vector>

#include "fovea/backend/cpu/cpu.h"
#include "fovea/backend/cpu/parallel.h"

namespace fovea::cpu {

namespace {

constexpr int64_t grain = 16 * 1024;  // pixels a thread should have at least

// A pixel of a block and the cell it votes for.
struct Vote {
  int64_t pixel;  // from the block's first, in the picture
  int bins;       // the cell's first bin
  float weight;
};

std::vector<Vote> votes_of_block(const HogOptions& o, int64_t width) {
  const int side = o.block * o.cell;
  const double middle = (side - 1) / 2.0;
  std::vector<Vote> votes;
  for (int i = 0; i < side; ++i)
    for (int j = 0; j < side; ++j) {
      const double d2 = (i - middle) * (i - middle) + (j - middle) * (j - middle);
      const double w = o.window > 0 ? std::exp(-d2 / (2 * o.window * o.window)) : 1;
      for (int a = 0; a < o.block; ++a)
        for (int b = 0; b < o.block; ++b) {
          const double share = ref::cell_share(i, a, o) * ref::cell_share(j, b, o);
          if (share > 0)
            votes.push_back(
                {i * width + j,
                 (a * o.block + b) * o.orientations,
                 float(w * share / (o.cell * o.cell))});
        }
    }
  return votes;
}

// Where the gradient of a pixel votes: a share of its length for each of two neighbouring bins.
struct Split {
  int first = 0, second = 0;
  float to_first = 0, to_second = 0;
};

Split split_of(float gx, float gy, const HogOptions& o) {
  const float length = std::sqrt(gx * gx + gy * gy);
  const float range = (o.is_signed ? 2 : 1) * std::numbers::pi_v<float>;
  const int n = o.orientations;
  float angle = std::atan2(gy, gx);
  while (angle < 0) angle += range;
  float at = angle / range * float(n);
  if (!o.soft) return {int(at) % n, 0, length, 0};
  at -= 0.5f;
  const float below = std::floor(at), share = at - below;
  const int first = (int(below) + n) % n;
  return {first, (first + 1) % n, length * (1 - share), length * share};
}

void splits_of_picture(
    const float* x, const Shape& shape, const HogOptions& o, std::vector<Split>& splits) {
  const int64_t H = shape[1], W = shape[2], C = shape[3];
  for (int64_t r = 0; r < H; ++r)
    for (int64_t c = 0; c < W; ++c) {
      const bool inside = c > 0 && c + 1 < W, between = r > 0 && r + 1 < H;
      const float* p = x + (r * W + c) * C;
      float best = -1, gx = 0, gy = 0;
      for (int64_t k = 0; k < C; ++k) {
        const float dx = inside ? p[k + C] - p[k - C] : 0;
        const float dy = between ? p[k + W * C] - p[k - W * C] : 0;
        if (dx * dx + dy * dy > best) {
          best = dx * dx + dy * dy;
          gx = dx;
          gy = dy;
        }
      }
      splits[size_t(r * W + c)] = split_of(gx, gy, o);
    }
}

void normalize(std::span<float> v, const HogOptions& o) {
  auto scale = [&] {
    float squares = float(o.eps * o.eps);
    for (float a : v) squares += a * a;
    const float factor = 1 / std::sqrt(squares);
    for (float& a : v) a *= factor;
  };
  if (o.norm == BlockNorm::none) return;
  scale();
  if (o.norm == BlockNorm::l2) return;
  for (float& a : v) a = std::min(a, float(o.clip));
  scale();
}

void hog_kernel(
    const Primitive& primitive, std::span<const Tensor> in, std::span<Tensor> out, Run& run) {
  if (in[0].dtype() != Dtype::f32) return ref::hog(primitive, in, out, run);
  const HogOptions& o = static_cast<const Hog&>(primitive).options();
  const Shape& from = in[0].shape();
  const Shape& to = out[0].shape();
  const float* x = in[0].data<float>().data();
  float* y = out[0].mutable_data<float>().data();
  const int64_t W = from[2], pixels = from[1] * W, features = to[1] * to[2] * to[3];
  const std::vector<Vote> votes = votes_of_block(o, W);
  parallel_for(to[0], 1 + grain / pixels, [&](int64_t begin, int64_t end) {
    std::vector<Split> splits(size_t(pixels), Split{});
    for (int64_t n = begin; n < end; ++n) {
      splits_of_picture(x + n * pixels * from[3], from, o, splits);
      float* v = y + n * features;
      std::fill_n(v, features, 0.0f);
      for (int64_t r = 0; r < to[1]; ++r)
        for (int64_t c = 0; c < to[2]; ++c, v += to[3]) {
          const Split* first = splits.data() + (r * W + c) * o.cell;
          for (const Vote& vote : votes) {
            const Split& s = first[vote.pixel];
            v[vote.bins + s.first] += vote.weight * s.to_first;
            v[vote.bins + s.second] += vote.weight * s.to_second;
          }
          normalize({v, size_t(to[3])}, o);
        }
    }
  });
}

void hue_histogram_kernel(
    const Primitive& primitive, std::span<const Tensor> in, std::span<Tensor> out, Run& run) {
  if (in[0].dtype() != Dtype::f32) return ref::hue_histogram(primitive, in, out, run);
  const HueHistogramOptions& o = static_cast<const HueHistogram&>(primitive).options();
  const int64_t pixels = in[0].dim(1) * in[0].dim(2);
  const float* x = in[0].data<float>().data();
  float* y = out[0].mutable_data<float>().data();
  const float one = o.normalize ? 1 / float(pixels) : 1;
  parallel_for(in[0].dim(0), 1 + grain / pixels, [&](int64_t begin, int64_t end) {
    std::vector<int> counts;
    for (int64_t n = begin; n < end; ++n) {
      counts.assign(size_t(o.bins), 0);
      const float* p = x + n * pixels * 3;
      for (int64_t i = 0; i < pixels; ++i, p += 3)
        ++counts[size_t(ref::hue_bin(p[0], p[1], p[2], o.bins))];
      for (int k = 0; k < o.bins; ++k) y[n * o.bins + k] = float(counts[size_t(k)]) * one;
    }
  });
}

}  // namespace

void register_features(KernelTable& table) {
  table.add<Hog>(Device::cpu, hog_kernel);
  table.add<HueHistogram>(Device::cpu, hue_histogram_kernel);
}

}  // namespace fovea::cpu
