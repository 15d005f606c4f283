#pragma once

#include <cstdint>
#include <span>

#include "fovea/core/tensor.h"

namespace fovea::graph {

// The most bytes that evaluating `outputs` will hold at once, beyond those that are in memory
// already; nothing runs. It follows the evaluator: a buffer goes with its last consumer, views take
// none, an op writes over an input where it may, and a kernel has its scratch memory while it runs
// (KernelTable::scratch). Bytes are those of the allocator's blocks.
int64_t peak_memory(std::span<const Tensor> outputs);

}  // namespace fovea::graph
