#pragma once

#include "fovea/backend/conv_route.h"
#include "fovea/backend/cpu/conv_finish.h"
#include "fovea/core/kernel.h"
#include "fovea/ops/conv.h"

// Convolution of few channels, as the first layers of small networks are: the sums over the window
// one tap after another, so that neither an unrolled picture nor a transform is ever in memory.
namespace fovea::cpu {

// Whether a pass has so few channels that oneDNN leaves much of its vectors or blocks empty:
// forward to 5 to 8 filters of at least 16 pixels, from at most 8 channels; the weights' gradient
// of at most 64 filters of at most 25 pixels, from at most 4. Without groups. Measured in
// bench/kernels/07-direct.md.
bool direct_applies(ConvPass pass, const ConvExtents& e);

// y and the gradients of w and, unless db is null, of the bias; to the bit the same for any number
// of threads. For all but groups, whatever direct_applies says.
void direct_forward(
    const ConvExtents& e,
    const float* x,
    const float* w,
    const ConvFinish& finish,
    float* y,
    Run& run);
void direct_weights(
    const ConvExtents& e, const float* x, const float* dy, float* dw, float* db, Run& run);

int64_t direct_forward_scratch(const ConvExtents& e);  // bytes
int64_t direct_weights_scratch(const ConvExtents& e);

}  // namespace fovea::cpu
