#pragma once

#include <map>
#include <string>

#include "fovea/autograd/gradcheck.h"
#include "fovea/nn/module.h"

namespace fovea::nn {

struct LayerCheckOptions {
  bool training = true;  // as in training, or as at inference
  Key key{1};            // of dropout and the like, the same for every evaluation
  PiecewiseOptions steps;
};

// The gradients of a layer by its input and by each of its parameters, compared with finite
// differences in f64 on the reference backend; see gradcheck_piecewise.
struct LayerCheck {
  std::map<std::string, PrimalCheck> of;  // by "input" or the parameter's name

  bool passed() const;
  // One line each: "weight: wrong, 3 of 200 elements, element 7: analytic 0.25, numerical 0.26".
  std::string str() const;
};

// Checks a layer, of the library or your own, at an input of your choice; parameters and state are
// left as they were. Choose the input where the layer works: a layer that is dead or saturated
// there passes nothing.
LayerCheck check_layer(Module& layer, const Tensor& x, const LayerCheckOptions& o = {});

}  // namespace fovea::nn
