#pragma once

#include "fovea/optim/line_method.h"

namespace fovea::optim {

struct NewtonOptions {
  LineSearchOptions line = {};
};

// Newton's method for small models: the way is -H^-1 g, with H the second derivatives by autograd,
// which takes n^2 numbers, n backward passes and n^3 operations a step. Where H is not positive
// definite, a multiple of the identity is added until it is (Nocedal and Wright 2006, algorithm
// 3.3). The line search tries the whole step first, which is right for a quadratic.
class Newton : public LineMethod {
 public:
  explicit Newton(const NewtonOptions& o = {}) : LineMethod(o.line) {}

 private:
  std::vector<double> direction(
      const Objective& f, const Tree& params, const std::vector<double>& slope) override;
};

}  // namespace fovea::optim
