#include "fovea/backend/cpu/cpu.h"

namespace fovea::cpu {

void register_all(KernelTable& table) { register_elementwise(table); }

}  // namespace fovea::cpu
