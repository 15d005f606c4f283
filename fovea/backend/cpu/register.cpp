#include "fovea/backend/cpu/cpu.h"

namespace fovea::cpu {

void register_all(KernelTable& table) {
  register_elementwise(table);
  register_matmul(table);
}

}  // namespace fovea::cpu
