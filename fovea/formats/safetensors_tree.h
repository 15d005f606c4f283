#pragma once

#include <filesystem>

#include "fovea/core/tree.h"
#include "fovea/formats/safetensors.h"

namespace fovea::formats {

struct SavedTree {
  Tree tensors;
  Metadata metadata;
};

// Reads every tensor into memory. A path ending in ".index.json" names a sharded set (Hugging
// Face's model.safetensors.index.json): its shards are read from the same folder and must hold
// exactly the tensors of the weight_map. Throws IoError.
SavedTree load_safetensors(const std::filesystem::path& path);

// Evaluates the tree and writes it atomically, see write_safetensors.
void save_safetensors(
    const std::filesystem::path& path, const Tree& tensors, const Metadata& metadata = {});

}  // namespace fovea::formats
