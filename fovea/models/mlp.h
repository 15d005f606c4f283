#pragma once

#include "fovea/models/registry.h"

namespace fovea::models {

// Scores W x + b from the pixels. Keys: 1.weight, 1.bias.
std::unique_ptr<nn::Module> make_linear(const MakeOptions& o);

// Pixels -> 100 ReLUs -> scores. Keys: 1.*, 3.*.
std::unique_ptr<nn::Module> make_two_layer(const MakeOptions& o);

}  // namespace fovea::models
