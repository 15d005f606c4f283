#pragma once

#include "fovea/nn/module.h"

namespace fovea::nn {

// Puts parameters and state of a network back when it is destroyed.
class Restore {
 public:
  explicit Restore(Module& net) : net_(net), parameters_(parameters(net)), state_(state(net)) {}
  ~Restore() {
    assign(net_, parameters_);
    assign(net_, state_);
  }
  Restore(const Restore&) = delete;
  Restore& operator=(const Restore&) = delete;

 private:
  Module& net_;
  Tree parameters_, state_;
};

}  // namespace fovea::nn
