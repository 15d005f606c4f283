#pragma once

#include <cstdint>
#include <string>
#include <vector>

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

struct PiecewiseOptions {
  double eps = 1e-5;        // the largest step; a hundredth of it is the smallest
  double tolerance = 1e-6;  // of an element's error over the largest gradient of its primal
  int64_t most = 200;       // elements tried of each primal, evenly spread
};

// What a check says of one primal.
struct PrimalCheck {
  int64_t tried = 0;
  int64_t kinks = 0;       // where the slopes to the left and to the right differ
  int64_t flat = 0;        // without any slope, or with one that is lost in rounding
  int64_t wrong = 0;       // analytic and numerical gradient differ by more than the tolerance
  double max_rel_err = 0;  // as in GradCheck
  std::string where;       // the worst: "element 7: analytic 0.25, numerical 0.26"

  // Whether anything was learnt: a layer that is dead or saturated at the point agrees with every
  // gradient of zeros.
  bool tested() const { return tried > kinks + flat || wrong > 0; }
  bool passed() const { return tested() && wrong == 0; }
};

// gradcheck for functions with kinks (ReLU, max, clipping) at points that nobody chose with care,
// an answer for each primal; those that are not floating have tried == 0 and pass nothing. Where
// both gradients disagree the step is made smaller, twice, until it no longer reaches over the
// kink; at a point that lies on one, any slope between the two sides' is right. Differences that
// are smaller than what f64 rounds away do not count. (CS231n, "Gradient checks".)
std::vector<PrimalCheck> gradcheck_piecewise(
    const Fn& f, std::vector<Tensor> primals, const PiecewiseOptions& o = {});

}  // namespace fovea
