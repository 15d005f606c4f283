#pragma once

#include <string_view>

#include "fovea/core/tree.h"

namespace fovea::optim {

// The weights among the parameters, which regularisers act on: rank 2 or more, so neither biases
// nor the scales of a norm, and a name that `pattern` matches. Throws std::invalid_argument if
// there are none.
Tree weights_of(const Tree& params, std::string_view pattern = "*");

}  // namespace fovea::optim
