#pragma once

#include "fovea/backend/cpu/conv_finish.h"
#include "fovea/core/kernel.h"
#include "fovea/ops/conv.h"

namespace fovea::cpu {

// Depthwise convolution, a filter for each channel: y (N, Ho, Wo, C) from x (N, H, W, C) and
// w (C, kh, kw, 1), with what `finish` adds; and the gradient of x. Bound by memory.
bool is_depthwise(const ConvExtents& e);
void depthwise_forward(
    const ConvExtents& e,
    const float* x,
    const float* w,
    const ConvFinish& finish,
    float* y,
    Run& run);
void depthwise_backward_data(
    const ConvExtents& e, const float* dy, const float* w, float* dx, Run& run);

int64_t depthwise_scratch(const ConvExtents& e);          // bytes, of either of these
int64_t depthwise_weights_scratch(const ConvExtents& e);  // bytes

// Whether oneDNN is slow at the weights' gradient of this convolution: depthwise and wider than 3 x
// 3, where it treats every channel as a convolution of its own (8 against 60 GFLOP/s for 5 x 5).
bool needs_depthwise_weights(const ConvExtents& e);

// dw (C, kh, kw, 1) and, unless null, db (C) from x (N, H, W, C) and dy (N, Ho, Wo, C).
void depthwise_weights(
    const ConvExtents& e, const float* x, const float* dy, float* dw, float* db, Run& run);

}  // namespace fovea::cpu
