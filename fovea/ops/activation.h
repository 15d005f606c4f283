#pragma once

#include "fovea/core/tensor.h"

// Activation functions: rows of the unary table of elementwise.h, and PReLU.
namespace fovea {

Tensor relu(const Tensor& x);                             // max(0, x); derivative 0 at 0
Tensor leaky_relu(const Tensor& x, double slope = 0.01);  // x if x > 0, else slope x
Tensor elu(const Tensor& x, double alpha = 1);            // x if x > 0, else alpha (e^x - 1)
Tensor gelu(const Tensor& x);          // x Phi(x), exact (Hendrycks and Gimpel 2016)
Tensor silu(const Tensor& x);          // x sigmoid(x)
Tensor softplus(const Tensor& x);      // log(1 + e^x)
Tensor hard_sigmoid(const Tensor& x);  // clamp(x / 6 + 1/2, 0, 1)
Tensor hard_swish(const Tensor& x);    // x hard_sigmoid(x)
Tensor relu6(const Tensor& x);         // clamp(x, 0, 6)

// x where x > 0, else slope x, with a learned slope () or (C) (He et al. 2015, "Delving deep").
Tensor prelu(const Tensor& x, const Tensor& slope);

// The largest of `pieces` groups of channels: x (..., pieces * C) -> (..., C), where piece k of
// channel c is x[..., k * C + c] (Goodfellow et al. 2013, "Maxout networks").
Tensor maxout(const Tensor& x, int pieces);

}  // namespace fovea
