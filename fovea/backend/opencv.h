#pragma once

#include "fovea/core/kernel.h"

namespace fovea {

// Kernels by OpenCV, for either backend; none in a build without it.
void register_opencv(KernelTable& table);

}  // namespace fovea
