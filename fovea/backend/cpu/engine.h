#pragma once

#include <functional>
#include <string>

#include "fovea/backend/conv_route.h"
#include "fovea/core/kernel.h"
#include "fovea/ops/conv.h"

// The heavy products under the kernels of this folder. Defined twice: on oneDNN (backend/onednn)
// and on our own kernels alone (backend/own); the build picks one by FOVEA_ONEDNN. All f32, on
// threads() threads, from the calling thread.
namespace fovea::cpu {

// y (m, n) = a (m, k) b (k, n) [+ bias (n)], row-major, `batch` times; all a or all b may be the
// same matrix, and either may be stored transposed.
struct Product {
  int64_t batch = 1, m = 0, k = 0, n = 0;
  bool a_shared = false, b_shared = false;
  bool transpose_a = false, transpose_b = false;
  bool bias = false;
};
void multiply(
    const Product& p, const float* a, const float* b, const float* bias, float* y, Run& run);
std::string implementation_of(const Product& p);
int64_t scratch_of(const Product& p);  // bytes of scratch memory

// One call: which of the three, and what forward does besides. Where it adds a residual, y holds
// the residual before.
struct ConvCall {
  ConvPass pass = ConvPass::forward;
  ConvExtents e;
  bool bias = false, relu = false, residual = false;
};
void conv_forward(
    const ConvCall& c, const float* x, const float* w, const float* b, float* y, Run& run);
void conv_backward_data(const ConvCall& c, const float* dy, const float* w, float* dx, Run& run);
void conv_backward_weights(  // db may be null
    const ConvCall& c,
    const float* x,
    const float* dy,
    float* dw,
    float* db,
    Run& run);
std::string implementation_of(const ConvCall& c);
int64_t scratch_of(const ConvCall& c);  // bytes of scratch memory, of a call that packs its weights

// "oneDNN 2.6.3", or "own products".
std::string engine_name();

// How many primitives of a library have been made since the start: a steady step makes none.
int64_t primitives_made();

// conv_forward with these weights, packed once; empty where packing gains nothing.
using PackedForward = std::function<void(const float* x, const float* b, float* y, Run& run)>;
PackedForward pack_conv_forward(const ConvCall& c, const float* w);

}  // namespace fovea::cpu
