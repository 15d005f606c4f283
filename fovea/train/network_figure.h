#pragma once

#include <string>

#include "fovea/nn/module.h"
#include "fovea/report/svg_network.h"

namespace fovea::train {

struct NetworkFigureOptions {
  std::string title;
  std::string source;  // a line below the title, such as the paper; may be empty
  Shape input;         // (H, W, C)
};

// The network as models::diagram reads it, in words and shapes: for `fovea models NAME --svg`.
report::NetworkChart network_figure(nn::Module& m, const NetworkFigureOptions& o);

}  // namespace fovea::train
