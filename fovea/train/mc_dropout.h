#pragma once

#include "fovea/core/random.h"
#include "fovea/train/evaluate.h"

// Monte-Carlo dropout: dropout stays on when a model is used, and what many draws of it agree on is
// believed more (Gal and Ghahramani 2016, "Dropout as a Bayesian approximation").
namespace fovea::train {

struct Sampled {
  Tensor mean, spread;  // f32 (N, classes), of the probabilities: mean and standard deviation
};

// Probabilities of a normalised batch (N, H, W, C) over `draws` runs, at least 2, in which dropout
// and its kin draw as in training and batch norm uses its running statistics. The spread divides by
// draws - 1. Throws std::invalid_argument for a network in which nothing is drawn.
Sampled sample_probabilities(const models::Model& model, const Tensor& batch, int draws, Key key);

// As predict(), of one view a picture: the k highest means with the spread of each.
std::vector<Prediction> predict_sampled(
    const models::Model& model, data::ViewBatch& batch, int k, int draws, Key key);

}  // namespace fovea::train
