#pragma once

#include "fovea/core/kernel.h"
#include "fovea/ops/conv.h"

namespace fovea::cpu {

// Whether oneDNN is slow at the gradient of this convolution's input: one of few channels, as
// pictures have, to which it goes at a fifth to a third of the speed of its matrix product.
bool needs_narrow_data(const ConvExtents& e);

int64_t narrow_data_scratch(const ConvExtents& e);  // bytes

// dx (N, H, W, I) from dy (N, Ho, Wo, O) and w (O, kh, kw, I), without groups. The sums, and so the
// bits, are the same for any number of threads.
void narrow_data(const ConvExtents& e, const float* dy, const float* w, float* dx, Run& run);

}  // namespace fovea::cpu
