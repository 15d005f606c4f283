#pragma once

#include <cstdint>

#include "fovea/ops/softmax.h"

// SIMD loops over rows of n scores: softmax, and cross-entropy with what it shares.
namespace fovea::cpu {

// y (rows, n), or (rows) for logsumexp.
void softmax_rows(SoftmaxOp op, const float* x, float* y, int64_t rows, int64_t n);

// weights (n) may be null. The loss of a row is sum_c q_c (lse - x_c) with
// q_c = weights_c (hard [c = label] + even).
struct CrossEntropyArgs {
  const float* x;
  const int32_t* labels;
  const float* weights;
  float hard, even;
  int32_t ignore;
};
struct CrossEntropyOut {
  float *loss, *lse, *weight;
};
void cross_entropy_rows(
    const CrossEntropyArgs& a, const CrossEntropyOut& o, int64_t rows, int64_t n);
// dx = dloss (sum(q) exp(x - lse) - q)
void cross_entropy_gradient_rows(
    const CrossEntropyArgs& a,
    const float* lse,
    const float* dloss,
    float* dx,
    int64_t rows,
    int64_t n);

}  // namespace fovea::cpu
