#include "fovea/formats/safetensors_tree.h"

#include <vector>

#include "fovea/core/eval.h"
#include "fovea/formats/shards.h"

namespace fovea::formats {

namespace fs = std::filesystem;

SavedTree load_safetensors(const fs::path& path) {
  SavedTree saved;
  auto read = [&](const fs::path& shard) {
    const auto file = SafetensorsFile::open(shard);
    saved.metadata.insert(file.metadata().begin(), file.metadata().end());
    Tree tensors;
    for (const auto& [name, view] : file.tensors())
      tensors.emplace(name, Tensor::from_bytes(view.bytes, view.shape, view.dtype));
    return tensors;
  };
  saved.tensors = path.string().ends_with(".index.json") ? load_shards(path, read) : read(path);
  return saved;
}

void save_safetensors(const fs::path& path, const Tree& tensors, const Metadata& metadata) {
  eval(values_of(tensors));
  std::vector<NamedTensorView> views;
  for (const auto& [name, tensor] : tensors)
    views.push_back({name, {tensor.dtype(), tensor.shape(), tensor.bytes()}});
  write_safetensors(path, views, metadata);
}

}  // namespace fovea::formats
