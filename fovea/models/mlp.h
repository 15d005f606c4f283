#pragma once

#include "fovea/models/registry.h"

namespace fovea::models {

// linear: scores W x + b from the pixels; keys 1.weight, 1.bias. two_layer: pixels -> 100 ReLUs ->
// scores; keys 1.*, 3.*.
std::span<const Entry> mlp_entries();

}  // namespace fovea::models
