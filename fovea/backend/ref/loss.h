#pragma once

#include "fovea/core/kernel.h"

// The reference kernels that the fast ones of the family hand other dtypes to.
namespace fovea::ref {

void cross_entropy(const Primitive&, std::span<const Tensor>, std::span<Tensor>, Run&);
void cross_entropy_backward(const Primitive&, std::span<const Tensor>, std::span<Tensor>, Run&);

}  // namespace fovea::ref
