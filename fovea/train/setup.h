#pragma once

#include <set>
#include <span>
#include <string>
#include <vector>

#include "fovea/data/loader.h"
#include "fovea/data/source.h"
#include "fovea/models/model_file.h"
#include "fovea/train/loss.h"
#include "fovea/train/recipe.h"

namespace fovea::train {

// What a recipe needs of the outside world: its data, split, and a model made for it.
struct Setup {
  data::Source source;  // with a validation split, unless the recipe keeps none
  models::Model model;  // initialised from the seed, from model.init or by operating on model.from
  std::set<std::string> fresh;  // parameters that model.from did not give
  LossOptions loss;             // as the recipe has it, with the weights of these classes
  std::vector<std::string> notes;
};

// Opens the data, keeps a validation split, finds input size and statistics (of the training split
// alone), builds the model and fits those of its layers that need one look at the data. Throws what
// the user can mend: unknown names, shapes that do not fit, data that cannot be read.
Setup set_up(const Recipe& recipe);

// The model that model.from names, of fovea or from an ONNX file.
models::Model model_from(const Recipe& recipe);

// Threads and determinism as the recipe has them; before set_up.
void use_processors(const Recipe& recipe);

// How the trainer reads a split of the data under the recipe: shuffled and augmented for training.
data::LoaderOptions loader_options(const Recipe& recipe, const Setup& setup, bool training);

// The layers of a new network for inputs (H, W, C): the recipe's own, those of its pattern, or
// those of its classical method. Empty where it names a network of the table.
std::vector<models::LayerSpec> layers_of(const Recipe& recipe, const Shape& input, int64_t classes);

// The loss of a recipe for classes with so many training samples. Throws std::invalid_argument for
// weights that do not fit them.
LossOptions loss_options(
    const Recipe& recipe, std::span<const int64_t> counts, const std::vector<std::string>& classes);

// How pictures of this dataset become inputs under the recipe; part of set_up.
data::Preprocess choose_preprocess(const Recipe& recipe, const data::Dataset& dataset);

}  // namespace fovea::train
