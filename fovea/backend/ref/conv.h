#pragma once

#include "fovea/core/kernel.h"

namespace fovea::ref {

void conv_forward(const Primitive& p, std::span<const Tensor> in, std::span<Tensor> out, Run& run);
void conv_backward_data(
    const Primitive& p, std::span<const Tensor> in, std::span<Tensor> out, Run& run);
void conv_backward_weights(
    const Primitive& p, std::span<const Tensor> in, std::span<Tensor> out, Run& run);

}  // namespace fovea::ref
