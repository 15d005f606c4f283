#pragma once

#include <filesystem>
#include <functional>

#include "fovea/core/tree.h"

namespace fovea::formats {

// The tensors of a set of files that an index names, as Hugging Face writes it
// (model.safetensors.index.json, pytorch_model.bin.index.json): its weight_map says in which file
// each lies. The files are read from the folder of the index by `read` and must hold exactly what
// the weight_map puts there. Throws IoError.
Tree load_shards(
    const std::filesystem::path& index,
    const std::function<Tree(const std::filesystem::path& shard)>& read);

}  // namespace fovea::formats
