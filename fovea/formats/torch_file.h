#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "fovea/core/tree.h"

namespace fovea::formats {

// The tensors of a file that torch.save wrote (.pth, .pt, .th).
struct TorchFile {
  Tree tensors;     // under the names of the state dict, in PyTorch's layout
  std::string key;  // the entry that held them, "state_dict"; empty: the whole file
  std::vector<std::string> skipped;  // names in it that hold no tensor
  std::vector<std::string> others;   // further entries that hold tensors, "state_dict_ema"
};

// Both of PyTorch's containers are read: the zip archive of 1.6 and later, and the stream of
// pickles before it. The pickle is data: a name outside of a short list of PyTorch's and NumPy's
// own is refused and nothing is run. Tensors may be views of any strides; int16 becomes i32. Throws
// IoError for whatever is no dict of tensors, such as a whole pickled module, and for complex,
// quantised and big-endian tensors. A path ending in ".index.json" names a sharded set (Hugging
// Face's pytorch_model.bin.index.json), see load_shards().
//
// Without `key` the weights are those under "state_dict" and the other usual names, else the file
// itself, else its one entry with tensors; `key` names another, "model_ema" or "model.state_dict".
TorchFile load_torch(const std::filesystem::path& path, std::string_view key = {});

// The same from memory; `name` stands for the path in errors.
TorchFile parse_torch(
    std::span<const std::byte> file, const std::string& name, std::string_view key = {});

// Whether a file that begins so may be one of torch.save: a zip archive, or a stream of pickles,
// whose first is a magic number.
bool may_be_torch(std::span<const std::byte> beginning);

}  // namespace fovea::formats
