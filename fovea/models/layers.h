#pragma once

#include "fovea/models/architecture.h"

namespace fovea::models {

// One option of a layer type in a recipe.
struct LayerOption {
  std::string_view name, fallback, what;  // fallback "": must be given
  bool whole = false;                     // its numbers are whole
};

// How a layer comes to what it knows. An option `train` that is true adds steps to fitting.
enum class Learning : uint8_t {
  none,
  by_steps,    // along gradients: its module has parameters
  by_fitting,  // by one look at all training data: classic::Fitted
};

struct LayerType {
  std::string_view name, what;
  std::vector<LayerOption> options;
  Learning learning = Learning::none;
};

// What a recipe may write under [[model.layers]]; the table behind `fovea train --list layers`.
const std::vector<LayerType>& layer_types();

// The type of the first layer that reads colours as they are, so that its pictures must not be
// normalised; empty where none does.
std::string reads_colours(const std::vector<LayerSpec>& layers);

// Whether steps of an optimiser train the layer, or it is fitted. Nobody knows of unknown types:
// no.
bool learns_by_steps(const LayerSpec& layer);
bool is_fitted(const LayerSpec& layer);

// Builds the list as a Sequential named "0", "1", ...; each layer's input size is what the layers
// before it give for `input` (H, W, C). Throws naming the layer ("layer 3 (conv): ...").
std::unique_ptr<nn::Module> build_layers(const std::vector<LayerSpec>& layers, const Shape& input);

}  // namespace fovea::models
