#include "fovea/core/device.h"

#include <algorithm>
#include <atomic>
#include <fstream>
#include <sched.h>
#include <stdexcept>
#include <string>

#include <omp.h>

#include "fovea/core/one_thread.h"

namespace fovea {

namespace {

thread_local Device current_device;
thread_local bool alone = false;   // in a OneThreadScope
std::atomic<int> thread_count{0};  // 0: not chosen yet
std::atomic<Determinism> chosen_determinism{Determinism::usual};
constexpr int strict_parts = 8;

// The CPU quota of the control group (v2), rounded up; 0 when there is none.
int cgroup_quota() {
  std::ifstream file("/sys/fs/cgroup/cpu.max");
  std::string quota;
  double period = 0;
  if (!(file >> quota >> period) || quota == "max" || period <= 0) return 0;
  return std::max(1, int((std::stod(quota) + period - 1) / period));
}

// The processors this process may run on, as it was started.
const cpu_set_t& own_processors() {
  static const cpu_set_t set = [] {
    cpu_set_t s;
    CPU_ZERO(&s);
    if (sched_getaffinity(0, sizeof s, &s) != 0)
      for (int i = 0; i < omp_get_num_procs(); ++i) CPU_SET(i, &s);
    return s;
  }();
  return set;
}

// Lets this thread, and those it starts from now on, run on the first `count` of them.
void keep_to_processors(int count) {
  cpu_set_t some;
  CPU_ZERO(&some);
  for (int i = 0, taken = 0; i < CPU_SETSIZE && taken < count; ++i)
    if (CPU_ISSET(i, &own_processors())) CPU_SET(i, &some), ++taken;
  sched_setaffinity(0, sizeof some, &some);  // best effort
}

int available_processors() {
  int count = CPU_COUNT(&own_processors());
  int quota = cgroup_quota();
  return std::max(1, quota ? std::min(count, quota) : count);
}

}  // namespace

std::string_view name_of(Device::Kind kind) {
  switch (kind) {
    case Device::ref:
      return "ref";
    case Device::cpu:
      return "cpu";
    case Device::cuda:
      return "cuda";
  }
  return "?";
}

Device default_device() { return current_device; }
void set_default_device(Device device) { current_device = device; }

int threads() {
  if (alone) return 1;
  if (thread_count == 0) set_threads(0);
  return thread_count;
}

void set_threads(int count) {
  if (count < 0) throw std::invalid_argument("threads: expected 0 (all) or more");
  const int wanted = count == 0 ? available_processors() : count;
  const bool strict = determinism() == Determinism::strict;
  if (strict) keep_to_processors(wanted);
  thread_count = strict ? strict_parts : wanted;
  omp_set_num_threads(thread_count);
}

void set_determinism(Determinism d) {
  if (d == chosen_determinism.exchange(d)) return;
  if (d == Determinism::usual) keep_to_processors(CPU_SETSIZE);
  set_threads(0);
}
Determinism determinism() { return chosen_determinism; }

OneThreadScope::OneThreadScope(bool chosen) : before_(alone) { alone = alone || chosen; }
OneThreadScope::~OneThreadScope() { alone = before_; }

}  // namespace fovea
