#pragma once

#include <optional>

#include "fovea/data/file_tree.h"
#include "fovea/data/source.h"

namespace fovea::data {

// Pictures in one folder per class, or in split folders (train, val, test and their other names) of
// class folders each; a single folder around all this is looked through. Nothing when the tree has
// no pictures. Those of a kind that no decoder reads, such as TIFF, are left out with a note. A
// folder of classes without splits becomes the training split. Throws std::invalid_argument for
// pictures that lie in no class folder.
std::optional<Source> open_folder(const FileTreePtr& tree);

}  // namespace fovea::data
