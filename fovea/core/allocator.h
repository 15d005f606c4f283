#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "fovea/core/device.h"

namespace fovea {

struct MemoryStats {
  int64_t live = 0;                // bytes in use now
  int64_t peak = 0;                // most bytes in use since reset_peak()
  int64_t cached = 0;              // bytes held for reuse
  int64_t requests = 0;            // blocks asked for
  int64_t system_allocations = 0;  // blocks that had to come from the system
};

// The size of the block that is handed out for so many bytes: multiples of 64 up to 512, then eight
// sizes per power of two.
size_t block_size(size_t bytes);

// Host memory in 64-byte aligned blocks that are kept for reuse: fresh pages cost more than most
// elementwise ops. Size classes are at most 1/8 apart; huge pages are advised from 2 MiB. All
// functions may be called from any thread.
class Allocator {
 public:
  Allocator();
  ~Allocator();
  Allocator(const Allocator&) = delete;
  Allocator& operator=(const Allocator&) = delete;

  void* allocate(size_t bytes);
  void release(void* block, size_t bytes);  // `bytes` as passed to allocate

  MemoryStats stats() const;
  void reset_peak();
  void trim();                       // gives cached blocks back to the system
  void set_limit(size_t max_bytes);  // live + cached; cached blocks are dropped to stay below

 private:
  struct State;
  std::unique_ptr<State> state_;
};

Allocator& host_allocator();

// Ref-counted bytes on one device, shared between a tensor and its views.
class Storage {
 public:
  Storage(size_t bytes, Device device);
  ~Storage();
  Storage(const Storage&) = delete;
  Storage& operator=(const Storage&) = delete;

  std::byte* data() { return data_; }
  size_t size() const { return size_; }
  Device device() const { return device_; }

 private:
  std::byte* data_;
  size_t size_;
  Device device_;
};

}  // namespace fovea
