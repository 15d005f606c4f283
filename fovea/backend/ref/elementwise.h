#pragma once

#include "fovea/core/kernel.h"

// Reference kernels that the CPU backend hands other dtypes to.
namespace fovea::ref {

void unary(const Primitive& p, std::span<const Tensor> in, std::span<Tensor> out, Run& run);
void binary(const Primitive& p, std::span<const Tensor> in, std::span<Tensor> out, Run& run);

}  // namespace fovea::ref
