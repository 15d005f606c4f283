#pragma once

#include <filesystem>
#include <optional>

#include "fovea/data/file_tree.h"
#include "fovea/data/source.h"

namespace fovea::data {

// The binary version of CIFAR-10 (records of 1 label + 3072 bytes in RGB planes) or CIFAR-100
// (coarse label, fine label, pixels; the fine labels are used) in a tree, recognised by the
// official file names; nothing when the tree has none. Class names come from batches.meta.txt or
// fine_label_names.txt. The Python version (data_batch_1, ... beside batches.meta, or train and
// test beside meta) is read as well, see cifar_pickle.h. Throws IoError for a file that is not
// whole records or has a wrong label.
std::optional<Source> open_cifar(const FileTree& tree);

// One file of such records, as the training split; the class names are looked for beside it.
Source open_cifar_file(const std::filesystem::path& path);

}  // namespace fovea::data
