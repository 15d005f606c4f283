#pragma once

#include "fovea/core/kernel.h"

// The reference kernels of ops/index.h that the fast ones fall back on, and their check of indices.
namespace fovea::ref {

// Throws std::out_of_range for the first index (i32) outside 0..extent-1: where it is and what.
void check_indices(const Tensor& index, int64_t extent);

void gather(const Primitive&, std::span<const Tensor> in, std::span<Tensor> out, Run&);
void gather_grad(const Primitive&, std::span<const Tensor> in, std::span<Tensor> out, Run&);
void take_grad(const Primitive&, std::span<const Tensor> in, std::span<Tensor> out, Run&);

}  // namespace fovea::ref
