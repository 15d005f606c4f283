#pragma once

#include <functional>

#include "fovea/core/kernel.h"
#include "fovea/core/node.h"

namespace fovea {

using KernelCall = std::function<void(std::span<const Tensor> in, std::span<Tensor> out, Run& run)>;

// Runs one kernel for `node` on tensors that are ready: with scratch memory, recorded by an active
// profile, its outputs searched under a NanGuard (NonFiniteError). What the kernel throws comes out
// as EvalError with op, module path and source line.
void run_kernel(
    const Node& node, std::span<const Tensor> in, std::span<Tensor> out, const KernelCall& call);

}  // namespace fovea
