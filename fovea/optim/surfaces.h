#pragma once

#include <string_view>
#include <vector>

#include "fovea/core/tensor.h"

namespace fovea::optim {

// A function of two numbers on which optimisers are compared: each shows one thing that makes
// descent hard.
struct Surface {
  std::string_view name, formula, shows;
  Tensor (*f)(const Tensor& x, const Tensor& y);  // element by element
  double start[2];                                // the usual one, or a telling one
  std::vector<std::vector<double>> minima;        // all of them
  double least;                                   // the value there
  double view[4];                                 // x from, x to, y from, y to
};

const std::vector<Surface>& surfaces();
const Surface& surface(std::string_view name);  // throws std::invalid_argument, naming all

}  // namespace fovea::optim
