#pragma once

#include <string>
#include <vector>

#include "fovea/models/model_file.h"

namespace fovea::onnx {

// What the user knows of an ONNX file that does not say it itself.
struct OpenOptions {
  std::string preprocess;            // a name of data::Preprocess::named, or its JSON
  std::vector<std::string> classes;  // names; without, class_0, class_1, ...
  int64_t height = 0, width = 0;     // of inputs that the graph leaves free
  // Off for measuring alone: preprocessing may be unknown and the output may be anything.
  bool classifies = true;
  // Make a graph for one picture at a time, where that can be done, one for any number: for
  // training.
  bool batches = false;
};

// A model from any file that holds a whole one: fovea's own (models::load_model) or, by its ending
// .onnx, a graph of one input (N, C, H, W) of pictures and one output of scores (N, classes) or
// (N, classes, 1, 1). Files of onnx::save bring preprocessing and class names; others need
// `preprocess`, since a guess would go wrong without a word. A softmax at the end is left out, so
// that scores are scores, and a linear layer at the end is made a Gemm of weights (classes,
// features). Its architecture is called "onnx" and holds the graph, so that it can be saved,
// trained and loaded as a fovea model.
// Throws IoError for bad files, UnsupportedError for operators, and std::invalid_argument for what
// the options lack, have too much, or for another kind of network.
models::Model open(const std::string& path, const OpenOptions& o = {});

bool is_onnx(const std::string& path);  // by its ending

}  // namespace fovea::onnx
