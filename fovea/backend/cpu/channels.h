#pragma once

#include <cstdint>

// SIMD inner loops over rows of channels, for normalisation. Every array of coefficients has one
// entry per column.
namespace fovea::cpu {

// The mean of each column, as mean + rest so that no bit is lost when it is far from zero, and the
// sum of squared distances from it, in two passes over a block that fits in the cache.
struct ColumnMoments {
  float *mean, *rest, *m2;
};
void column_moments(const float* x, int64_t rows, int64_t width, const ColumnMoments& out);

// y = [relu]((x - mean) scale + shift [+ residual]); residual may be null.
struct ScaleShiftArgs {
  const float *x, *residual, *mean, *scale, *shift;
  float* y;
  bool relu;
};
void scale_shift_rows(const ScaleShiftArgs& a, int64_t rows, int64_t width);

// What of dy passes a ReLU: all, where (x - mean) scale + shift > 0, or where y > 0.
enum class Gate : uint8_t { open, from_x, from_y };
struct GradientArgs {
  const float *x, *dy, *y;
  Gate gate;
  const float *mean, *scale, *shift;
};
// Per column, with g the gated dy: the sums of g and of g (x - mean).
void gradient_sums(const GradientArgs& a, int64_t rows, int64_t width, float* sum, float* dot);
// dx = a g + b (x - mean) + c; g itself goes to dresidual unless that is null.
struct GradientOut {
  const float *a, *b, *c;
  float *dx, *dresidual;
};
void gradient_rows(const GradientArgs& a, const GradientOut& o, int64_t rows, int64_t width);

// Layer norm of rows of n elements; mean and rstd get one entry a row.
struct LayerArgs {
  const float *x, *gamma, *beta;
  float *y, *mean, *rstd;
  float eps;
};
void layer_rows(const LayerArgs& a, int64_t rows, int64_t n);
// Its gradient; dgamma and dbeta (n) are added to.
struct LayerGradientArgs {
  const float *x, *gamma, *mean, *rstd, *dy;
  float *dx, *dgamma, *dbeta;
};
void layer_gradient_rows(const LayerGradientArgs& a, int64_t rows, int64_t n);

}  // namespace fovea::cpu
