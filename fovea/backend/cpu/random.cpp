// Random kernels. Philox 4x32-10 costs about three vector instructions a number, ten rounds of two
// widening products for four numbers; dropout then moves 8 bytes an element.

// foreach_target.h includes this file once per instruction set, so it comes first.
// clang-format off
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "fovea/backend/cpu/random.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>
// clang-format on

#include "fovea/ops/random.h"

#include <algorithm>

#include "fovea/backend/cpu/cpu.h"
#include "fovea/backend/cpu/parallel.h"
#include "fovea/backend/ref/random.h"

HWY_BEFORE_NAMESPACE();
namespace fovea::cpu::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

#if HWY_TARGET != HWY_SCALAR
using D = hn::ScalableTag<uint64_t>;
using V = hn::Vec<D>;

// The low halves of two lanes multiplied to 64 bits; the high halves may hold anything.
HWY_INLINE V Widening(V a, V b) {
  const hn::Repartition<uint32_t, D> d32;
  return hn::MulEven(hn::BitCast(d32, a), hn::BitCast(d32, b));
}

// Blocks first, first + 1, ... of the key's stream, four words each, one block a 64-bit lane.
// Returns how many were made: all but a tail shorter than a vector.
int64_t PhiloxVectors(Key key, uint64_t first, int64_t blocks, uint32_t* words) {
  const D d;
  const auto lanes = int64_t(hn::Lanes(d));
  const V low = hn::Set(d, 0xFFFFFFFFu);
  const V m0 = hn::Set(d, 0xD2511F53u), m1 = hn::Set(d, 0xCD9E8D57u);
  int64_t i = 0;
  for (; i + lanes <= blocks; i += lanes) {
    V count = hn::Add(hn::Set(d, first + uint64_t(i)), hn::Iota(d, 0));
    V c0 = count, c1 = hn::ShiftRight<32>(count);
    V c2 = hn::Set(d, key.stream & 0xFFFFFFFFu), c3 = hn::Set(d, key.stream >> 32);
    auto k0 = uint32_t(key.seed), k1 = uint32_t(key.seed >> 32);
    for (int round = 0; round < 10; ++round) {
      V p0 = Widening(m0, c0), p1 = Widening(m1, c2);
      c0 = hn::Xor(hn::Xor(hn::ShiftRight<32>(p1), c1), hn::Set(d, k0));
      c1 = p1;
      c2 = hn::Xor(hn::Xor(hn::ShiftRight<32>(p0), c3), hn::Set(d, k1));
      c3 = p0;
      k0 += 0x9E3779B9u;
      k1 += 0xBB67AE85u;
    }
    V even = hn::Or(hn::And(c0, low), hn::ShiftLeft<32>(c1));
    V odd = hn::Or(hn::And(c2, low), hn::ShiftLeft<32>(c3));
    hn::StoreInterleaved2(even, odd, d, reinterpret_cast<uint64_t*>(words + 4 * i));
  }
  return i;
}
#else
int64_t PhiloxVectors(Key, uint64_t, int64_t, uint32_t*) { return 0; }
#endif

void PhiloxBlocks(Key key, uint64_t first, int64_t blocks, uint32_t* words) {
  for (int64_t i = PhiloxVectors(key, first, blocks, words); i < blocks; ++i) {
    auto block = key.block(first + uint64_t(i));
    std::copy(block.begin(), block.end(), words + 4 * i);
  }
}

// y[i] = x[i] * scale where words[i] >= threshold, else 0.
void DropFloats(
    const uint32_t* words, uint32_t threshold, float scale, const float* x, float* y, int64_t n) {
  const hn::ScalableTag<float> d;
  const hn::RebindToUnsigned<decltype(d)> du;
  const auto lanes = int64_t(hn::Lanes(d));
  const auto limit = hn::Set(du, threshold);
  const auto factor = hn::Set(d, scale);
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    auto keep = hn::RebindMask(d, hn::Not(hn::Lt(hn::LoadU(du, words + i), limit)));
    hn::StoreU(hn::IfThenElseZero(keep, hn::Mul(hn::LoadU(d, x + i), factor)), d, y + i);
  }
  for (; i < n; ++i) y[i] = words[i] >= threshold ? x[i] * scale : 0;
}

}  // namespace fovea::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fovea::cpu {

namespace {

HWY_EXPORT(PhiloxBlocks);
HWY_EXPORT(DropFloats);

constexpr int64_t grain = 8 * 1024;    // numbers a thread should have at least
constexpr int64_t chunk_blocks = 256;  // made at a time, to stay in the first cache

// Calls f(begin, end, words): the words of elements [begin, end) of the stream, by chunks.
template <class F>
void for_words(Key key, int64_t n, F&& f) {
  auto fill = HWY_DYNAMIC_DISPATCH(PhiloxBlocks);
  parallel_for((n + 3) / 4, grain / 4, [&](int64_t first, int64_t last) {
    alignas(64) uint32_t words[4 * chunk_blocks];
    for (int64_t block = first; block < last; block += chunk_blocks) {
      int64_t count = std::min(chunk_blocks, last - block);
      fill(key, uint64_t(block), count, words);
      f(4 * block, std::min(4 * (block + count), n), words);
    }
  });
}

void random_kernel(
    const Primitive& primitive, std::span<const Tensor>, std::span<Tensor> out, Run&) {
  const auto& p = static_cast<const Random&>(primitive);
  int64_t n = out[0].numel();
  if (p.what() == RandomKind::bernoulli) {
    bool* y = out[0].mutable_data<bool>().data();
    uint64_t threshold = ref::threshold_of(p.a());
    for_words(p.key(), n, [&](int64_t begin, int64_t end, const uint32_t* words) {
      for (int64_t i = begin; i < end; ++i) y[i] = words[i - begin] < threshold;
    });
    return;
  }
  float* y = out[0].mutable_data<float>().data();
  auto a = float(p.a()), b = float(p.b());
  for_words(p.key(), n, [&](int64_t begin, int64_t end, const uint32_t* words) {
    if (p.what() == RandomKind::uniform) {
      for (int64_t i = begin; i < end; ++i) y[i] = ref::uniform_from(words[i - begin], a, b);
      return;
    }
    for (int64_t i = begin; i < end; i += 2) {
      float z[2];
      ref::normal_pair(words[i - begin], words[i - begin + 1], z, z + 1);
      y[i] = a + b * z[0];
      if (i + 1 < end) y[i + 1] = a + b * z[1];
    }
  });
}

// Multiplies channel c of each image by 0 or the scale.
void drop_channels(const Dropout& p, const Tensor& in, Tensor& out) {
  int64_t channels = in.shape().back(), count = in.dim(0) * channels;
  if (in.numel() == 0) return;
  std::vector<float> factor(static_cast<size_t>(count));
  uint64_t threshold = ref::threshold_of(p.rate());
  auto scale = float(1 / (1 - p.rate()));
  for_words(p.key(), count, [&](int64_t begin, int64_t end, const uint32_t* words) {
    for (int64_t i = begin; i < end; ++i)
      factor[size_t(i)] = words[i - begin] >= threshold ? scale : 0;
  });
  int64_t rows = in.numel() / channels, image = rows / in.dim(0);
  const float* x = in.data<float>().data();
  float* y = out.mutable_data<float>().data();
  parallel_for(rows, 1 + grain / channels, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const float* f = factor.data() + row / image * channels;
      for (int64_t c = 0; c < channels; ++c) y[row * channels + c] = x[row * channels + c] * f[c];
    }
  });
}

void dropout_kernel(
    const Primitive& primitive, std::span<const Tensor> in, std::span<Tensor> out, Run& run) {
  const auto& p = static_cast<const Dropout&>(primitive);
  if (in[0].dtype() != Dtype::f32) return ref::dropout(primitive, in, out, run);
  if (p.channels()) return drop_channels(p, in[0], out[0]);
  auto drop = HWY_DYNAMIC_DISPATCH(DropFloats);
  auto threshold = uint32_t(std::min<uint64_t>(ref::threshold_of(p.rate()), UINT32_MAX));
  auto scale = float(1 / (1 - p.rate()));
  const float* x = in[0].data<float>().data();
  float* y = out[0].mutable_data<float>().data();
  for_words(p.key(), in[0].numel(), [&](int64_t begin, int64_t end, const uint32_t* words) {
    drop(words, threshold, scale, x + begin, y + begin, end - begin);
  });
}

}  // namespace

void register_random(KernelTable& table) {
  table.add<Random>(Device::cpu, random_kernel);
  table.add<Dropout>(Device::cpu, dropout_kernel);
}

}  // namespace fovea::cpu
#endif
