#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "fovea/nn/module.h"

namespace fovea::models {

struct MakeOptions {
  int64_t classes = 10;
  Shape input{32, 32, 3};  // (H, W, C)
  // Scores by a linear layer on the means of the last maps, where the network has another head.
  bool linear_head = false;
};

// What another library calls a network and its weights; empty where it has none.
struct Counterpart {
  std::string_view model, weights;
};

struct Entry {
  std::string_view name, paper;
  Shape input;      // (H, W, C) it was designed for
  int64_t classes;  // of the data it was designed for
  std::unique_ptr<nn::Module> (*make)(const MakeOptions& o);
  Counterpart torchvision = {}, timm = {};
};

// The one table: the rows of every family, each from its own file.
std::span<const Entry> all();
const Entry& find(std::string_view name);  // throws, suggesting near names
std::vector<std::string> names();

}  // namespace fovea::models
