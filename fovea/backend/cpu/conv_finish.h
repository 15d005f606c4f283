#pragma once

namespace fovea::cpu {

// What happens to each result of a convolution as it is written: y = max(sum + bias + residual, 0),
// each part where given. bias (O); residual (N, Ho, Wo, O), which may be y itself.
struct ConvFinish {
  const float* bias = nullptr;
  const float* residual = nullptr;
  bool relu = false;
};

}  // namespace fovea::cpu
