#pragma once

#include <string>

#include "fovea/autograd/transforms.h"

namespace fovea {

// The worst disagreement between analytic and numerical gradients. The relative error is that of
// one element over the largest gradient, of either kind, of its primal.
struct GradCheck {
  double max_abs_err = 0, max_rel_err = 0;
  std::string where;  // "primal 1, element 7: analytic 0.25, numerical 0.26"
};

// Compares the gradients of f with central differences (f(x + eps) - f(x - eps)) / 2 eps, in f64 on
// the reference backend. Floating primals are converted and checked; the others are passed on as
// they are. Outputs are weighted with fixed pseudo-random numbers so that no error cancels. Stay
// clear of kinks by more than eps.
GradCheck gradcheck(const Fn& f, std::vector<Tensor> primals, double eps = 1e-5);

// The same for the gradient itself: second derivatives, for ops whose vjp is differentiable.
GradCheck gradcheck_twice(const Fn& f, std::vector<Tensor> primals, double eps = 1e-5);

}  // namespace fovea
