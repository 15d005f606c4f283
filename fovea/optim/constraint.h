#pragma once

#include "fovea/core/tree.h"

namespace fovea::optim {

// After a step: scales the incoming weights of each unit whose L2 norm exceeds `limit` back to it
// (Srivastava et al. 2014, max-norm regularisation). A unit is a first index of a weight (O, ...).
// Lazy. Throws std::invalid_argument for a limit that is not above 0 and for a weight of rank below
// 2.
void max_norm(Tree& weights, double limit);

}  // namespace fovea::optim
