#pragma once

#include "fovea/models/architecture.h"

namespace fovea::models {

// One option of a layer type in a recipe.
struct LayerOption {
  std::string_view name, fallback, what;  // fallback "": must be given
};

struct LayerType {
  std::string_view name, what;
  std::vector<LayerOption> options;
};

// What a recipe may write under [[model.layers]]; the table behind `fovea train --list layers`.
const std::vector<LayerType>& layer_types();

// The type of the first layer that reads colours as they are, so that its pictures must not be
// normalised; empty where none does.
std::string reads_colours(const std::vector<LayerSpec>& layers);

// Builds the list as a Sequential named "0", "1", ...; each layer's input size is what the layers
// before it give for `input` (H, W, C). Throws naming the layer ("layer 3 (conv): ...").
std::unique_ptr<nn::Module> build_layers(const std::vector<LayerSpec>& layers, const Shape& input);

}  // namespace fovea::models
