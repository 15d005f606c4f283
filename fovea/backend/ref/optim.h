#pragma once

#include "fovea/core/kernel.h"

// The reference kernels that the fast ones of the family hand f64 to.
namespace fovea::ref {

void sgd_update(const Primitive&, std::span<const Tensor>, std::span<Tensor>, Run&);
void adagrad_update(const Primitive&, std::span<const Tensor>, std::span<Tensor>, Run&);
void rmsprop_update(const Primitive&, std::span<const Tensor>, std::span<Tensor>, Run&);
void adadelta_update(const Primitive&, std::span<const Tensor>, std::span<Tensor>, Run&);
void adam_update(const Primitive&, std::span<const Tensor>, std::span<Tensor>, Run&);
void average_update(const Primitive&, std::span<const Tensor>, std::span<Tensor>, Run&);

}  // namespace fovea::ref
