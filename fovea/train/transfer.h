#pragma once

#include <set>
#include <string>

#include "fovea/models/model_file.h"

// Beginning from a network that has learnt something else (CS231n, "Transfer learning"; Yosinski et
// al. 2014, How transferable are features).
namespace fovea::train {

struct SurgeryOptions {
  int64_t classes = 0;
  bool linear_head = false;   // in place of another kind of head
  int channels = 0;           // 1 or 3; 0 as the model has
  int height = 0, width = 0;  // of the input; 0 as the model has
};

struct Surgery {
  models::Model model;  // with the preprocessing of the old one, and its weights where they fit
  std::set<std::string> fresh;  // parameters that begin anew: those of the head
  std::string report;           // what was loaded and what was not, and why
};

// The network of `old` for other classes. Its head begins anew, from `key`, unless it fits and
// `linear_head` does not replace it; a first convolution for colour pictures is summed over its
// channels for grey ones. Throws std::invalid_argument where nothing is left of the old model.
Surgery operate(const models::Model& old, const SurgeryOptions& o, Key key);

}  // namespace fovea::train
