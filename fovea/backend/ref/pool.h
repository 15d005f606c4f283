#pragma once

#include "fovea/core/kernel.h"

namespace fovea::ref {

void max_pool(const Primitive& p, std::span<const Tensor> in, std::span<Tensor> out, Run& run);
void pool_scatter(const Primitive& p, std::span<const Tensor> in, std::span<Tensor> out, Run& run);
void pool_gather(const Primitive& p, std::span<const Tensor> in, std::span<Tensor> out, Run& run);
void avg_pool(const Primitive& p, std::span<const Tensor> in, std::span<Tensor> out, Run& run);
void avg_pool_spread(
    const Primitive& p, std::span<const Tensor> in, std::span<Tensor> out, Run& run);

}  // namespace fovea::ref
