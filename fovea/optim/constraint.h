#pragma once

#include <string_view>

#include "fovea/core/tree.h"

namespace fovea::optim {

// After a step: scales the incoming weights of each unit whose L2 norm exceeds `limit` back to it
// (Srivastava et al. 2014, max-norm regularisation). A unit is a first index of a weight (O, ...)
// out of weights_of(params, pattern); all else stays. Lazy.
void max_norm(Tree& params, double limit, std::string_view pattern = "*");

}  // namespace fovea::optim
