#pragma once

#include "fovea/backend/conv_route.h"
#include "fovea/backend/cpu/conv_finish.h"
#include "fovea/core/kernel.h"
#include "fovea/ops/conv.h"

// Convolution of any shape as products of matrices, on our own gemm: pictures are unrolled a panel
// at a time while they are packed, so no large matrix of patches is ever in memory.
namespace fovea::cpu {

void gemm_conv_forward(
    const ConvExtents& e,
    const float* x,
    const float* w,
    const ConvFinish& finish,
    float* y,
    Run& run);

void gemm_conv_backward_data(
    const ConvExtents& e, const float* dy, const float* w, float* dx, Run& run);

// db (O) may be null.
void gemm_conv_backward_weights(
    const ConvExtents& e, const float* x, const float* dy, float* dw, float* db, Run& run);

// Bytes of scratch memory; `bias`: the gradient of one is made as well.
int64_t gemm_conv_scratch(const ConvExtents& e, ConvPass pass, bool bias);

}  // namespace fovea::cpu
