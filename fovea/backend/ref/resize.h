#pragma once

#include "fovea/core/kernel.h"

namespace fovea::ref {

void resize(const Primitive&, std::span<const Tensor> in, std::span<Tensor> out, Run&);
void resize_grad(const Primitive&, std::span<const Tensor> in, std::span<Tensor> out, Run&);

}  // namespace fovea::ref
