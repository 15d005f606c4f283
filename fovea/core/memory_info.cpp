#include "fovea/core/memory_info.h"

#include <algorithm>
#include <fstream>
#include <string>
#include <unistd.h>

namespace fovea {

namespace {

// The number after `name` in a file of lines "name number"; 0 without one.
int64_t number_after(const char* path, const std::string& name) {
  std::ifstream file(path);
  for (std::string word; file >> word;)
    if (int64_t n = 0; word == name && file >> n) return n;
  return 0;
}

int64_t number_in(const char* path) {
  std::ifstream file(path);
  int64_t n = 0;
  return file >> n ? n : 0;  // "max" is no number
}

}  // namespace

int64_t resident_memory() {
  std::ifstream file("/proc/self/statm");
  int64_t all = 0, resident = 0;
  return file >> all >> resident ? resident * ::sysconf(_SC_PAGESIZE) : 0;
}

int64_t available_memory() {
  const int64_t system = 1024 * number_after("/proc/meminfo", "MemAvailable:");
  const int64_t limit = number_in("/sys/fs/cgroup/memory.max");
  if (limit == 0) return system;
  // Pages of files are counted, and given up when memory is short.
  const int64_t used = number_in("/sys/fs/cgroup/memory.current") -
                       number_after("/sys/fs/cgroup/memory.stat", "inactive_file");
  const int64_t left = std::max<int64_t>(limit - used, 1);
  return system == 0 ? left : std::min(system, left);
}

}  // namespace fovea
