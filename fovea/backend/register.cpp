#include "fovea/backend/cpu/cpu.h"
#include "fovea/backend/opencv.h"
#include "fovea/backend/ref/ref.h"

namespace fovea {

void register_backends(KernelTable& table) {
  ref::register_all(table);
  register_opencv(table);
  // An op without a fast kernel runs its reference kernel on the CPU.
  table.copy(Device::ref, Device::cpu);
  cpu::register_all(table);
}

}  // namespace fovea
