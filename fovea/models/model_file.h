#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "fovea/data/preprocess.h"
#include "fovea/models/architecture.h"
#include "fovea/nn/load.h"

namespace fovea::models {

// A trained model as one file: weights under torchvision's names in PyTorch's layout, and in the
// safetensors metadata, key "fovea", one JSON document with all the rest.
struct Model {
  Architecture architecture;
  std::unique_ptr<nn::Module> net;
  data::Preprocess preprocess;
  std::vector<std::string> classes;       // by index of the score
  std::string data_fingerprint;           // of the training set
  std::map<std::string, double> metrics;  // {"val_top1": 0.991, ...}
  std::string licence;
  std::string version;  // of fovea, that wrote the file
  // Of networks from ONNX files: batches of one picture only, and the tap that the head reads, ""
  // where it reads what its module is given.
  bool one_by_one = false;
  std::string head_input;

  // Scores (N, classes) of a normalised batch (N, H, W, C), with the model not in training. For
  // many batches FrozenModel is faster.
  Tensor scores(const Tensor& batch) const;
  Tensor scores(const Tensor& batch, nn::Ctx& ctx) const;  // the same as `ctx` says
};

// Throws std::invalid_argument unless `rows`, what a network gave for that many pictures, has a row
// for each. A graph of another tool may say inside how many pictures it takes.
void check_rows(const Tensor& rows, int64_t pictures);

// "class_0", "class_1", ... for models whose classes nobody named.
std::vector<std::string> numbered_classes(int64_t n);

// Writes the file atomically: what was there stays until all is on disk.
void save_model(const std::string& path, Model& model);

// Throws IoError naming the file for anything that is not a whole fovea model.
Model load_model(const std::string& path);

}  // namespace fovea::models
