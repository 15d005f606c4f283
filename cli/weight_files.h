#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "fovea/core/tree.h"
#include "fovea/formats/layer_graph.h"
#include "fovea/formats/safetensors.h"

namespace fovea::cli {

// The tensors of a file of weights, whatever wrote it.
struct WeightFile {
  Tree tensors;                      // in PyTorch's layout
  formats::Metadata metadata;        // of a safetensors file
  std::string key;                   // the entry of a checkpoint that held them, if one did
  std::vector<std::string> skipped;  // names in it without a tensor
  std::vector<std::string> others;   // further entries of the checkpoint that hold tensors
};

// A row of the table of formats. Functions are null for what cannot be done.
struct WeightFormat {
  std::string_view suffix, what;
  WeightFile (*read)(const std::string& path, std::string_view key);  // `key`: see load_torch()
  void (*write)(const std::string& path, const WeightFile& file);
  // Of files that hold the network too.
  formats::LayerGraph (*graph)(const std::string& path) = nullptr;
  bool keys = false;  // whether read() takes one
};

const std::vector<WeightFormat>& weight_formats();

// The row of a path's ending. Throws std::invalid_argument listing those that can be read, or
// written.
const WeightFormat& format_to_read(const std::string& path);
const WeightFormat& format_to_write(const std::string& path);

}  // namespace fovea::cli
