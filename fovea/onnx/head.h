#pragma once

#include <optional>
#include <string>

#include "fovea/formats/onnx.h"

// The layer of a graph that gives the scores of the classes.
namespace fovea::onnx {

struct Head {
  size_t node = 0;       // its index: a Gemm, MatMul or Conv with weights of its own
  std::string input;     // the value that it reads
  std::string weight;    // the name of its weights
  std::string bias;      // of what it adds, or a node behind it; "" without
  int64_t features = 0;  // what it makes a score of
  int64_t classes = 0;
  bool linear = false;     // not a convolution
  bool is_output = false;  // nothing between it and the output but what moves no number
  // A linear layer as fovea has them: weights (classes, features), bias (classes), scores as they
  // are. Its parameters are called PATH.weight and PATH.bias.
  bool plain = false;
};

// Where the way from the output back comes to a layer with weights, over operators that keep a
// score for each class. `why`, if given, says where there is none.
std::optional<Head> find_head(const formats::OnnxModel& m, std::string* why = nullptr);

// What the last layer with weights reads, where that is linear or a convolution; else "".
std::string head_input(const formats::OnnxModel& m);

// Gives the same scores (N, classes) by a plain head. Weights must have their values, the head be
// linear, its input of rank 2, and its result the output.
void make_plain(formats::OnnxModel& m, const Head& h);

// A new linear layer in place of the head, without values yet, on what that reads; maps are
// averaged over their pixels. What lay behind the old head goes. Its parameters are called as those
// of the old head where that is plain, else "head.weight" and "head.bias".
void replace_head(formats::OnnxModel& m, const Head& h, int64_t classes);

}  // namespace fovea::onnx
