#pragma once

#include <functional>
#include <vector>

#include "fovea/core/tree.h"

// Functions to be minimised as a whole, for methods that ask for them more than once a step.
namespace fovea::optim {

// A scalar of named parameters, built of ops. It must be the same each time: the whole data set or
// one batch, and no dropout.
using Objective = std::function<Tensor(const Tree& params)>;

// The numbers of a tree one after the other, in the order of the names, and back with its shapes,
// dtypes and devices. Throws std::invalid_argument where a tensor is neither f32 nor f64.
std::vector<double> flatten(const Tree& tree);
Tree unflatten(const std::vector<double>& numbers, const Tree& like);

// f and its slope there. Throws std::invalid_argument where f is not a scalar.
struct ValueAndSlope {
  double value = 0;
  std::vector<double> slope;
};
ValueAndSlope value_and_slope(const Objective& f, const Tree& params);

// The second derivatives, (n, n) row by row, by the gradient of each element of the gradient.
// Symmetric to the bit. Throws std::invalid_argument above 4096 parameters, which would take
// 128 MB and 4096 backward passes.
std::vector<double> hessian(const Objective& f, const Tree& params);

}  // namespace fovea::optim
