// Highway compiles this file once per instruction set, so this comes first.
// clang-format off
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "fovea/backend/peak.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>
// clang-format on

#include "fovea/backend/peak.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <functional>
#include <vector>

#include <omp.h>

#include "fovea/backend/cpu/engine.h"

HWY_BEFORE_NAMESPACE();
namespace fovea::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// `rounds` times 12 independent multiply-adds, enough to hide their latency. Returns their number
// of operations; the sum goes to `keep` so that the loop is not dropped.
double MultiplyAdds(int64_t rounds, float* keep) {
  const hn::ScalableTag<float> d;
  const auto factor = hn::Set(d, 0.999f + *keep), add = hn::Set(d, 1e-3f);
  // Each begins elsewhere, lest the compiler computes one for all.
  auto a = hn::Iota(d, 1), b = hn::Iota(d, 2), c = hn::Iota(d, 3), e = hn::Iota(d, 4),
       f = hn::Iota(d, 5), g = hn::Iota(d, 6), h = hn::Iota(d, 7), i = hn::Iota(d, 8),
       j = hn::Iota(d, 9), k = hn::Iota(d, 10), l = hn::Iota(d, 11), m = hn::Iota(d, 12);
  for (int64_t r = 0; r < rounds; ++r) {
    a = hn::MulAdd(a, factor, add), b = hn::MulAdd(b, factor, add);
    c = hn::MulAdd(c, factor, add), e = hn::MulAdd(e, factor, add);
    f = hn::MulAdd(f, factor, add), g = hn::MulAdd(g, factor, add);
    h = hn::MulAdd(h, factor, add), i = hn::MulAdd(i, factor, add);
    j = hn::MulAdd(j, factor, add), k = hn::MulAdd(k, factor, add);
    l = hn::MulAdd(l, factor, add), m = hn::MulAdd(m, factor, add);
  }
  a = hn::Add(hn::Add(hn::Add(a, b), hn::Add(c, e)), hn::Add(hn::Add(f, g), hn::Add(h, i)));
  a = hn::Add(hn::Add(a, hn::Add(j, k)), hn::Add(l, m));
  *keep = hn::GetLane(hn::SumOfLanes(d, a));
  return 2.0 * 12 * double(rounds) * double(hn::Lanes(d));
}

}  // namespace fovea::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fovea {

namespace {

HWY_EXPORT(MultiplyAdds);

// The shortest of several runs, in seconds.
double best_of(int runs, const std::function<void()>& f) {
  double best = 1e9;
  for (int i = 0; i < runs; ++i) {
    auto start = std::chrono::steady_clock::now();
    f();
    best = std::min(
        best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  return best;
}

double fma_rate(int threads) {
  double work = 0;
  double seconds = best_of(8, [&] {
    double all = 0;
#pragma omp parallel num_threads(threads) reduction(+ : all)
    {
      float keep = 0;
      all += HWY_DYNAMIC_DISPATCH(MultiplyAdds)(int64_t(1) << 22, &keep);
      if (keep == 1) all += 1;
    }
    work = all;
  });
  return work / seconds * 1e-9;
}

double sgemm_rate() {
  const int64_t n = 2048;
  const std::vector<float> a(size_t(n * n), 1), b = a;
  std::vector<float> c = a;
  const Device device{Device::cpu};
  Workspace scratch(device);
  Run run{device, scratch};
  double seconds = best_of(3, [&] {
    cpu::multiply({.m = n, .k = n, .n = n}, a.data(), b.data(), nullptr, c.data(), run);
  });
  return 2.0 * double(n) * double(n) * double(n) / seconds * 1e-9;
}

double copy_rate(int threads) {
  const size_t size = size_t(128) << 20;
  std::vector<char> from(size, 1), to(size, 2);
  double seconds = best_of(8, [&] {
#pragma omp parallel for num_threads(threads)
    for (int i = 0; i < threads; ++i) {
      const size_t begin = size * size_t(i) / size_t(threads);
      const size_t end = size * size_t(i + 1) / size_t(threads);
      std::memcpy(to.data() + begin, from.data() + begin, end - begin);
    }
  });
  return 2.0 * double(size) / seconds * 1e-9;
}

}  // namespace

Peak measure_peak(int threads) {
  const int before = fovea::threads();
  set_threads(threads);
  const Peak peak{.fma = fma_rate(threads), .sgemm = sgemm_rate(), .memory = copy_rate(threads)};
  set_threads(before);
  return peak;
}

}  // namespace fovea
#endif
