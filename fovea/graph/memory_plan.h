#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace fovea::graph {

// A buffer that must exist from step `first` to step `last`, both included.
struct Lifetime {
  size_t bytes = 0;
  int first = 0, last = 0;
};

struct MemoryPlan {
  std::vector<size_t> offsets;  // of each buffer, multiples of 64
  size_t bytes = 0;             // of the whole arena
};

// Places buffers in one arena so that no two that exist at the same step overlap: the largest
// first, each at the lowest offset that is free all its life (Pisarchyk and Lee 2020, "greedy by
// size").
MemoryPlan place_buffers(std::span<const Lifetime> buffers);

}  // namespace fovea::graph
