#pragma once

#include "fovea/models/registry.h"

namespace fovea::models {

// Larsson et al. 2017, "FractalNet": five blocks in which C columns, of 1, 2, 4, ... convolutions
// with batch norm and ReLU, run side by side and are averaged wherever several end, and a max
// pooling behind each block but the last, whose pixels are averaged. fractalnet has 3 columns (20
// convolutions in a row) and dropout; fractalnet40 is the narrow one of the paper's study of depth,
// with 4. In training paths are dropped (section 3): half of the batches see one column only, all
// through the network; for the other half each average loses each of its inputs with probability
// 0.15, but never all. Keys: block{1..5}.column{c}.{i}.{conv,bn}, fc; column 0 is the deepest.
std::span<const Entry> fractalnet_entries();

}  // namespace fovea::models
