#pragma once

#include "fovea/core/kernel.h"
#include "fovea/ops/conv.h"

namespace fovea::cpu {

// Whether oneDNN is slow at the weights' gradient of this convolution: depthwise and wider than 3 x
// 3, where it treats every channel as a convolution of its own (8 against 60 GFLOP/s for 5 x 5).
bool needs_depthwise_weights(const ConvExtents& e);

// dw (C, kh, kw, 1) and, unless null, db (C) from x (N, H, W, C) and dy (N, Ho, Wo, C).
void depthwise_weights(
    const ConvExtents& e, const float* x, const float* dy, float* dw, float* db, Run& run);

}  // namespace fovea::cpu
