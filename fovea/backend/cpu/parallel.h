#pragma once

#include <algorithm>
#include <cstdint>

#include <omp.h>

#include "fovea/core/device.h"

namespace fovea::cpu {

// Calls f(begin, end) over [0, n) from one OpenMP team, one contiguous chunk a thread. Runs on the
// calling thread alone when there are fewer than two grains of work. The split depends only on n,
// grain and threads().
template <class F>
void parallel_for(int64_t n, int64_t grain, F&& f) {
  int64_t team = std::min<int64_t>(threads(), n / std::max<int64_t>(grain, 1));
  if (team <= 1 || omp_in_parallel()) {
    if (n > 0) f(int64_t(0), n);
    return;
  }
#pragma omp parallel num_threads(int(team))
  {
    int64_t i = omp_get_thread_num(), begin = n * i / team, end = n * (i + 1) / team;
    if (begin < end) f(begin, end);
  }
}

// Calls first(t) for each t < team and, when all have returned, second(t), from one OpenMP team of
// that many threads.
template <class F, class G>
void parallel_twice(int64_t team, F&& first, G&& second) {
  if (team <= 1 || omp_in_parallel()) {
    for (int64_t t = 0; t < team; ++t) first(t);
    for (int64_t t = 0; t < team; ++t) second(t);
    return;
  }
#pragma omp parallel num_threads(int(team))
  {
    first(int64_t(omp_get_thread_num()));
#pragma omp barrier
    second(int64_t(omp_get_thread_num()));
  }
}

}  // namespace fovea::cpu
