#pragma once

#include "fovea/core/kernel.h"

// The reference kernels that the fast ones of the family hand other dtypes to.
namespace fovea::ref {

void batch_norm_train(const Primitive&, std::span<const Tensor>, std::span<Tensor>, Run&);
void batch_norm_backward(const Primitive&, std::span<const Tensor>, std::span<Tensor>, Run&);
void scale_shift(const Primitive&, std::span<const Tensor>, std::span<Tensor>, Run&);
void group_norm(const Primitive&, std::span<const Tensor>, std::span<Tensor>, Run&);
void group_norm_backward(const Primitive&, std::span<const Tensor>, std::span<Tensor>, Run&);
void channel_window_sum(const Primitive&, std::span<const Tensor>, std::span<Tensor>, Run&);

}  // namespace fovea::ref
