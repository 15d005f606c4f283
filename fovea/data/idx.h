#pragma once

#include <optional>

#include "fovea/data/file_tree.h"
#include "fovea/data/source.h"

namespace fovea::data {

// The MNIST files of a tree: train-images-idx3-ubyte, train-labels-idx1-ubyte and their t10k twins
// (also with ".idx", ".gz", or a name in front as in EMNIST). Nothing when the tree has none;
// IoError for a missing partner or a file that is not what its header says. Classes are "0", "1",
// ..., or the garments of Fashion-MNIST when the path says "fashion".
std::optional<Source> open_idx(const FileTree& tree);

}  // namespace fovea::data
