#pragma once

#include <utility>

#include "fovea/core/tensor.h"

// How ops bring their arguments to common terms; for the ops room.
namespace fovea {

// Both with one dtype, weak scalars turned into real ones.
std::pair<Tensor, Tensor> operands(const Tensor& a, const Tensor& b);

// A scalar of the dtype and device of t.
Tensor scalar_like(const Tensor& t, double value);

}  // namespace fovea
