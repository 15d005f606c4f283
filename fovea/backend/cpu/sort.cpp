#include "fovea/ops/sort.h"

#include <bit>

#include "fovea/backend/cpu/cpu.h"
#include "fovea/backend/cpu/parallel.h"
#include "fovea/backend/ref/sort.h"

namespace fovea::cpu {

namespace {

constexpr int64_t grain = 4 * 1024;  // elements a thread should have at least

// An integer that sorts as x does: NaN last, both zeros alike.
uint32_t sort_key(float x) {
  if (x != x) return UINT32_MAX;
  auto bits = std::bit_cast<uint32_t>(x + 0.0f);  // -0 becomes 0
  return bits >> 31 ? ~bits : bits | 0x80000000u;
}

// Sorts words of key and index, so that comparisons are of integers and ties keep their order.
void argsort_floats(
    const float* x,
    int64_t n,
    int64_t stride,
    bool descending,
    int32_t* y,
    int64_t count,
    std::vector<uint64_t>& words) {
  words.resize(size_t(n));
  for (int64_t i = 0; i < n; ++i) {
    uint32_t key = sort_key(x[i * stride]);
    words[size_t(i)] = uint64_t(descending ? ~key : key) << 32 | uint64_t(i);
  }
  auto end = words.begin() + count;
  if (count < n) std::nth_element(words.begin(), end, words.end());
  std::sort(words.begin(), end);
  for (int64_t i = 0; i < count; ++i) y[i * stride] = int32_t(uint32_t(words[size_t(i)]));
}

void argsort_kernel(
    const Primitive& primitive, std::span<const Tensor> in, std::span<Tensor> out, Run&) {
  const auto& p = static_cast<const ArgSort&>(primitive);
  const Shape& shape = in[0].shape();
  if (shape.numel() == 0) return;
  int64_t n = shape[p.axis()], count = out[0].shape()[p.axis()];
  int64_t inner = shape.strides()[size_t(p.axis())], rows = shape.numel() / n;
  int32_t* y = out[0].mutable_data<int32_t>().data();
  visit_dtype(in[0].dtype(), [&]<class T>() {
    const T* x = in[0].data<T>().data();
    parallel_for(rows, 1 + grain / n, [&](int64_t begin, int64_t end) {
      std::vector<uint64_t> words;
      for (int64_t row = begin; row < end; ++row) {
        int64_t i = row / inner, k = row % inner;
        const T* from = x + i * n * inner + k;
        int32_t* to = y + i * count * inner + k;
        if constexpr (std::is_same_v<T, float>)
          argsort_floats(from, n, inner, p.descending(), to, count, words);
        else
          ref::argsort_row(from, n, inner, p.descending(), to, count);
      }
    });
  });
}

}  // namespace

void register_sort(KernelTable& table) { table.add<ArgSort>(Device::cpu, argsort_kernel); }

}  // namespace fovea::cpu
