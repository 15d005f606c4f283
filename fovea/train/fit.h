#pragma once

#include "fovea/data/dataset.h"
#include "fovea/models/model_file.h"

namespace fovea::train {

struct FitOptions {
  Key key = Key(0);  // of what the layers draw at random
  int workers = 1;
  double max_corrupt = 0.1;
};

// Fits the layers of a list that learn from one look at all training data (classic::Fitted), one
// after another, each to what reaches it without augmentation; the architecture then says what
// sizes they have. Other networks stay as they are. Throws std::invalid_argument naming the layer
// whose options do not fit the data, or a class without training pictures.
void fit_layers(models::Model& model, const data::DatasetPtr& train, const FitOptions& o = {});

// The same, to inputs (N, H, W, C) of the network and their labels i32 (N).
void fit_layers(models::Model& model, const Tensor& inputs, const Tensor& labels, Key key);

// Whether there is anything that steps of an optimiser could train.
bool learns_by_steps(const models::Model& model);
// Throws std::invalid_argument where there is nothing, and `user` needs it.
void check_learns_by_steps(const models::Model& model, const std::string& user);

}  // namespace fovea::train
