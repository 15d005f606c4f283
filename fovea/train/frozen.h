#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "fovea/nn/module.h"

namespace fovea::train {

// The part of a network that training leaves as it is, to the bit: parameters have no gradient, and
// layers run as at inference, so that running statistics stay too.
struct Frozen {
  std::set<std::string, std::less<>> modules;  // paths; each with all that is in it

  bool holds(std::string_view parameter) const;  // "layer1.0.conv1.weight"
};

// The modules at these paths. Throws std::invalid_argument, suggesting near names, for a path that
// no parameter is under.
Frozen freeze_modules(nn::Module& net, const std::vector<std::string>& paths);

// Every module whose own parameters are none of these.
Frozen freeze_all_but(nn::Module& net, const std::set<std::string>& parameters);

}  // namespace fovea::train
