#pragma once

#include <set>
#include <string>
#include <vector>

#include "fovea/data/loader.h"
#include "fovea/models/model_file.h"

// What a network makes of pictures before its last layer: "CNN codes" (Razavian et al. 2014, CNN
// features off-the-shelf).
namespace fovea::train {

// The path of the last linear layer, which makes the scores. Throws std::invalid_argument for a
// network that ends otherwise.
std::string head_of(const models::Model& model);

// The parameters of the layer that makes the scores, linear or a convolution. Throws
// std::invalid_argument where there is none.
std::set<std::string> head_parameters(const models::Model& model);

// Parts of a network from its input to its head, as paths of modules with parameters: the children
// of the network, and those of a child that holds more than half of its layers.
std::vector<std::string> stages_of(const models::Model& model);

struct Codes {
  Tensor values;                 // f32 (n, D)
  Tensor labels;                 // i32 (n)
  std::vector<int64_t> indices;  // of the n samples in the dataset, unreadable ones left out
  int64_t skipped = 0;           // how many are unreadable
};

struct CodesOptions {
  std::string layer;  // a path as `fovea models` lists them; empty: what goes into the head, linear
                      // or a convolution; of an ensemble it must be given
  bool mean = true;   // of maps (H, W, C) over their pixels; else they are laid out whole
  int64_t batch = 64;
  int workers = 1;
  double max_corrupt = 0.1;
};

// Whether codes_of needs no layer named.
bool has_codes(const models::Model& model);

// The codes of every picture, in the order of the dataset, by a frozen plan. Throws
// std::invalid_argument for a layer that the network does not have.
Codes codes_of(
    const models::Model& model, const data::DatasetPtr& dataset, const CodesOptions& o = {});

}  // namespace fovea::train
