#pragma once

#include "fovea/core/tensor.h"

namespace fovea {

// Throws std::invalid_argument, as `op`, unless x is f32 or f64 (N, H, W, C); for the ops room.
void check_images(const Tensor& x, const char* op);

}  // namespace fovea
