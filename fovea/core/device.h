#pragma once

#include <string_view>

namespace fovea {

// Where a tensor lives and which kernels run on it. `ref` is the naive reference backend; it shares
// host memory with `cpu`.
struct Device {
  enum Kind : unsigned char { ref, cpu, cuda };
  Kind kind = cpu;
  int index = 0;

  bool on_host() const { return kind != cuda; }
  friend bool operator==(const Device&, const Device&) = default;
};

std::string_view name_of(Device::Kind kind);  // "ref", "cpu", "cuda"

Device default_device();
void set_default_device(Device device);

// Sets the default device for a scope, on this thread.
class DeviceScope {
 public:
  explicit DeviceScope(Device device) : previous_(default_device()) { set_default_device(device); }
  ~DeviceScope() { set_default_device(previous_); }
  DeviceScope(const DeviceScope&) = delete;
  DeviceScope& operator=(const DeviceScope&) = delete;

 private:
  Device previous_;
};

// Threads the CPU kernels use, one OpenMP team per op. 0 asks for all the processors this process
// may run on.
int threads();
void set_threads(int count);

// Kernels cut their work by the number of threads, so equal numbers give equal bits. Under `strict`
// they cut it into eight parts whatever the number, and any number gives the same bits: set_threads
// then says on how many processors the eight run. Costs some speed. Choose it before work begins.
enum class Determinism : uint8_t { usual, strict };
void set_determinism(Determinism d);
Determinism determinism();

}  // namespace fovea
