#include "fovea/core/device.h"

#include <algorithm>
#include <atomic>
#include <fstream>
#include <sched.h>
#include <stdexcept>
#include <string>

#include <omp.h>

namespace fovea {

namespace {

thread_local Device current_device;
std::atomic<int> thread_count{0};  // 0: not chosen yet

// The CPU quota of the control group (v2), rounded up; 0 when there is none.
int cgroup_quota() {
  std::ifstream file("/sys/fs/cgroup/cpu.max");
  std::string quota;
  double period = 0;
  if (!(file >> quota >> period) || quota == "max" || period <= 0) return 0;
  return std::max(1, int((std::stod(quota) + period - 1) / period));
}

int available_processors() {
  cpu_set_t set;
  int count = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : omp_get_num_procs();
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
  if (thread_count == 0) set_threads(0);
  return thread_count;
}

void set_threads(int count) {
  if (count < 0) throw std::invalid_argument("threads: expected 0 (all) or more");
  thread_count = count == 0 ? available_processors() : count;
  omp_set_num_threads(thread_count);
}

}  // namespace fovea
