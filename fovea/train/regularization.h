#pragma once

#include <string>

#include "fovea/core/random.h"
#include "fovea/nn/module.h"
#include "fovea/train/frozen.h"
#include "fovea/train/mix.h"

namespace fovea::train {

// What a recipe's [regularize] says; 0 is off. Weights are those of optim::weights_of(`on`) that
// are not frozen.
struct Regularization {
  std::string on = "*";       // a pattern of names
  double l1 = 0, l2 = 0;      // of optim::penalty, added to the loss
  double max_norm = 0;        // largest L2 norm of a unit's incoming weights, after each step
  double drop_connect = 0;    // share of the weights that each step leaves out
  double input_noise = 0;     // standard deviation, in units of the normalised pictures
  double weight_noise = 0;    // standard deviation
  double gradient_noise = 0;  // eta of optim::gradient_noise_std
  MixOptions mix = {};

  bool acts_on_weights() const { return l1 + l2 + max_norm + drop_connect + weight_noise > 0; }
};

// The weights of the network that it acts on, as they are now; empty when it acts on none.
Tree regularized_weights(nn::Module& net, const Regularization& r, const Frozen* frozen);

// While it lives, the network has its weights with noise and without those that DropConnect leaves
// out. Gradients flow to the weights themselves.
class NoisyWeights {
 public:
  NoisyWeights(nn::Module& net, const Tree& weights, const Regularization& r, Key key);
  ~NoisyWeights();
  NoisyWeights(const NoisyWeights&) = delete;
  NoisyWeights& operator=(const NoisyWeights&) = delete;

 private:
  nn::Module& net_;
  Tree before_;
};

}  // namespace fovea::train
