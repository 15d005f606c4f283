#pragma once

#include "fovea/models/layer_reader.h"

namespace fovea::models {

// Hand-made features as layers of a list, and the radial basis functions and decision trees that
// are fitted to them or to pixels, for the table in layers.cpp; private to the room.
const std::vector<LayerMaker>& feature_layer_makers();

}  // namespace fovea::models
