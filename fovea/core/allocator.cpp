#include "fovea/core/allocator.h"

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <map>
#include <mutex>
#include <new>
#include <sys/mman.h>
#include <unistd.h>
#include <vector>

#include "fovea/core/errors.h"

namespace fovea {

namespace {

constexpr size_t huge_page = size_t(2) << 20;

void* system_allocate(size_t size) {
  if (size < huge_page) {
    void* block = std::aligned_alloc(64, (size + 63) / 64 * 64);
    if (!block) throw std::bad_alloc();
    return block;
  }
  void* block = std::aligned_alloc(huge_page, (size + huge_page - 1) / huge_page * huge_page);
  if (!block) throw std::bad_alloc();
  madvise(block, size, MADV_HUGEPAGE);  // best effort
  return block;
}

}  // namespace

size_t block_size(size_t bytes) {
  bytes = std::max<size_t>(bytes, 64);
  size_t step = bytes <= 512 ? 64 : std::bit_floor(bytes - 1) / 8;
  return (bytes + step - 1) / step * step;
}

struct Allocator::State {
  mutable std::mutex mutex;
  std::map<size_t, std::vector<void*>> free;  // by block size
  MemoryStats stats;
  size_t limit = SIZE_MAX;

  // Drops cached blocks, largest first, until `wanted` more bytes fit under the limit.
  void make_room(size_t wanted) {
    while (!free.empty() && size_t(stats.live + stats.cached) + wanted > limit) {
      auto it = std::prev(free.end());
      std::free(it->second.back());
      it->second.pop_back();
      stats.cached -= int64_t(it->first);
      if (it->second.empty()) free.erase(it);
    }
  }
};

Allocator::Allocator() : state_(std::make_unique<State>()) {
  long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
  if (pages > 0 && page > 0) state_->limit = size_t(pages) * size_t(page) / 10 * 8;
}

Allocator::~Allocator() { trim(); }

void* Allocator::allocate(size_t bytes) {
  size_t size = block_size(bytes);
  std::lock_guard lock(state_->mutex);
  MemoryStats& s = state_->stats;
  void* block = nullptr;
  if (auto it = state_->free.find(size); it != state_->free.end()) {
    block = it->second.back();
    it->second.pop_back();
    if (it->second.empty()) state_->free.erase(it);
    s.cached -= int64_t(size);
  } else {
    state_->make_room(size);
    block = system_allocate(size);
    ++s.system_allocations;
  }
  ++s.requests;
  s.live += int64_t(size);
  s.peak = std::max(s.peak, s.live);
  return block;
}

void Allocator::release(void* block, size_t bytes) {
  size_t size = block_size(bytes);
  std::lock_guard lock(state_->mutex);
  state_->stats.live -= int64_t(size);
  state_->stats.cached += int64_t(size);
  state_->free[size].push_back(block);
}

MemoryStats Allocator::stats() const {
  std::lock_guard lock(state_->mutex);
  return state_->stats;
}

void Allocator::reset_peak() {
  std::lock_guard lock(state_->mutex);
  state_->stats.peak = state_->stats.live;
}

void Allocator::trim() {
  std::lock_guard lock(state_->mutex);
  for (auto& [size, blocks] : state_->free)
    for (void* block : blocks) std::free(block);
  state_->free.clear();
  state_->stats.cached = 0;
}

void Allocator::set_limit(size_t max_bytes) {
  std::lock_guard lock(state_->mutex);
  state_->limit = max_bytes;
  state_->make_room(0);
}

Allocator& host_allocator() {
  // Never destroyed: tensors in static storage may outlive any order of destruction.
  static Allocator* allocator = std::make_unique<Allocator>().release();
  return *allocator;
}

Storage::Storage(size_t bytes, Device device) : size_(bytes), device_(device) {
  if (!device.on_host()) throw std::invalid_argument("this build has no CUDA backend");
  data_ = static_cast<std::byte*>(host_allocator().allocate(bytes));
}

Storage::~Storage() { host_allocator().release(data_, size_); }

}  // namespace fovea
