#pragma once

#include "fovea/core/kernel.h"

// The reference kernel that the fast one hands other dtypes to.
namespace fovea::ref {

void softmax(const Primitive& p, std::span<const Tensor> in, std::span<Tensor> out, Run& run);

}  // namespace fovea::ref
