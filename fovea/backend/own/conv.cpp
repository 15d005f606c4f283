#include "fovea/backend/cpu/conv_gemm.h"
#include "fovea/backend/cpu/depthwise.h"
#include "fovea/backend/cpu/engine.h"

namespace fovea::cpu {

void conv_forward(
    const ConvCall& c, const float* x, const float* w, const float* b, float* y, Run& run) {
  const ConvFinish finish{
      .bias = c.bias ? b : nullptr, .residual = c.residual ? y : nullptr, .relu = c.relu};
  const auto forward = is_depthwise(c.e) ? depthwise_forward : gemm_conv_forward;
  forward(c.e, x, w, finish, y, run);
}

PackedForward pack_conv_forward(const ConvCall&, const float*) { return {}; }

void conv_backward_data(const ConvCall& c, const float* dy, const float* w, float* dx, Run& run) {
  const auto backward = is_depthwise(c.e) ? depthwise_backward_data : gemm_conv_backward_data;
  backward(c.e, dy, w, dx, run);
}

void conv_backward_weights(
    const ConvCall& c, const float* x, const float* dy, float* dw, float* db, Run& run) {
  const auto backward = is_depthwise(c.e) ? depthwise_weights : gemm_conv_backward_weights;
  backward(c.e, x, dy, dw, c.bias ? db : nullptr, run);
}

std::string implementation_of(const ConvCall& c) {
  return is_depthwise(c.e) ? "fovea:depthwise" : "fovea:gemm";
}

int64_t scratch_of(const ConvCall& c) {
  if (!is_depthwise(c.e)) return gemm_conv_scratch(c.e, c.pass, c.bias);
  return c.pass == ConvPass::backward_weights ? depthwise_weights_scratch(c.e)
                                              : depthwise_scratch(c.e);
}

}  // namespace fovea::cpu
