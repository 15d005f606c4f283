#pragma once

#include "fovea/core/kernel.h"

namespace fovea::ref {

void broadcast_to(const Primitive& p, std::span<const Tensor> in, std::span<Tensor> out, Run& run);
void transpose(const Primitive& p, std::span<const Tensor> in, std::span<Tensor> out, Run& run);

}  // namespace fovea::ref
