#pragma once

#include <cstdint>
#include <functional>

#include "fovea/core/kernel.h"

// Our own matrix product, on which convolution and matmul stand where oneDNN is not there. Packed
// panels and register tiles as in BLIS (Van Zee and van de Geijn 2015).
namespace fovea::cpu {

// Writes `count` rows of a matrix, from row `first` on, at columns [k0, k0 + kc), in panels of
// `width` rows: element (r, k) goes to to[(r / width * kc + k - k0) * width + r % width], and what
// is left of the last panel is zeros.
using PackRows = std::function<void(
    int64_t first, int64_t count, int64_t k0, int64_t kc, int64_t width, float* to)>;

// The rows of a matrix in memory.
PackRows strided_rows(const float* from, int64_t row_stride, int64_t column_stride);

struct GemmExtents {
  int64_t m = 0, n = 0, k = 0;
};

// y[i * stride + j] = [relu](product + bias[j] + residual[i * stride + j]); the last two may be
// null, and the residual may be y.
struct GemmResult {
  float* y = nullptr;
  int64_t stride = 0;
  const float* bias = nullptr;
  const float* residual = nullptr;
  bool relu = false;
};

int64_t gemm_scratch(const GemmExtents& e);  // bytes

// The product of a (m, k) with the transpose of b (n, k). Each element is summed in the same order
// whatever the number of threads.
void gemm(
    const GemmExtents& e, const PackRows& a, const PackRows& b, const GemmResult& result, Run& run);

}  // namespace fovea::cpu
