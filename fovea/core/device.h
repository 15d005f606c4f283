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

}  // namespace fovea
