#pragma once

#include <algorithm>
#include <cstdint>

#include <omp.h>

#include "fovea/core/device.h"

#ifdef __SANITIZE_THREAD__
#include <sanitizer/tsan_interface.h>
#endif

namespace fovea::cpu {

// What the thread sanitizer cannot see in the OpenMP library: what a thread did before `release` is
// before what another does after `acquire`. A function marked FOVEA_BEGINS_TEAM is not watched
// itself, as the library hands its variables to the threads before they can acquire; what it calls
// is.
#ifdef __SANITIZE_THREAD__
#define FOVEA_BEGINS_TEAM __attribute__((no_sanitize("thread")))
inline char team_order;
inline void release() { __tsan_release(&team_order); }
inline void acquire() { __tsan_acquire(&team_order); }
#else
#define FOVEA_BEGINS_TEAM
inline void release() {}
inline void acquire() {}
#endif

// Calls f(part) for each part < team from one OpenMP team of that many threads, or as many as there
// are.
template <class F>
FOVEA_BEGINS_TEAM void run_team(int64_t team, F&& f) {
  release();
#pragma omp parallel num_threads(int(team))
  {
    acquire();
    for (int64_t part = omp_get_thread_num(); part < team; part += omp_get_num_threads()) f(part);
    release();
  }
  acquire();
}

// Calls f(begin, end) over [0, n) from one OpenMP team, one contiguous chunk a thread. Runs on the
// calling thread alone when there are fewer than two grains of work. The split depends only on n,
// grain and the most threads it may have.
template <class F>
void parallel_for(int64_t n, int64_t grain, F&& f, int64_t most = threads()) {
  int64_t team = std::min<int64_t>(most, n / std::max<int64_t>(grain, 1));
  if (team <= 1 || omp_in_parallel()) {
    if (n > 0) f(int64_t(0), n);
    return;
  }
  run_team(team, [&](int64_t i) {
    const int64_t begin = n * i / team, end = n * (i + 1) / team;
    if (begin < end) f(begin, end);
  });
}

// Calls f(step, t) for each t < team, from one OpenMP team of that many threads; a step begins when
// all calls of the step before it have returned.
template <class F>
FOVEA_BEGINS_TEAM void parallel_steps(int64_t team, int64_t steps, F&& f) {
  if (team <= 1 || omp_in_parallel()) {
    for (int64_t step = 0; step < steps; ++step)
      for (int64_t t = 0; t < team; ++t) f(step, t);
    return;
  }
  release();
#pragma omp parallel num_threads(int(team))
  {
    const int64_t first = omp_get_thread_num(), stride = omp_get_num_threads();
    for (int64_t step = 0; step < steps; ++step) {
      acquire();
      for (int64_t t = first; t < team; t += stride) f(step, t);
      release();
#pragma omp barrier
    }
  }
  acquire();
}

}  // namespace fovea::cpu
