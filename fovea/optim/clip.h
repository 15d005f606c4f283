#pragma once

#include "fovea/core/tree.h"

// Limits on gradients, between value_and_grad and step. All are lazy.
namespace fovea::optim {

// Scales all gradients by min(1, max_norm / (norm + 1e-6)), norm being the L2 norm of all of them
// together, and returns the norm as it was (a scalar). The direction stays (Pascanu et al. 2013).
Tensor clip_grad_norm(Tree& grads, double max_norm);

// Clamps each element to [-limit, limit].
void clip_grad_value(Tree& grads, double limit);

}  // namespace fovea::optim
