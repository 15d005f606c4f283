#pragma once

#include "fovea/core/random.h"
#include "fovea/core/tree.h"

// Noise that keeps a network from leaning on single weights. Each tensor has numbers of its own
// from the key. Lazy; gradients flow to the tensors that come in.
namespace fovea::optim {

// Each element plus a normal number of this standard deviation; throws std::invalid_argument unless
// it is at least 0 and finite. Empty handles stay.
Tree with_noise(const Tree& tensors, double std, Key key);

// Of gradients at step t, from 0: sqrt(eta / (1 + t)^0.55) (Neelakantan et al. 2015, "Adding
// gradient noise improves learning for very deep networks"). Throws std::invalid_argument unless
// both are at least 0.
double gradient_noise_std(double eta, int64_t step);

// Weights of which each is 0 with probability `rate` in [0, 1), the others divided by 1 - rate:
// DropConnect (Wan et al. 2013), with one mask for the whole batch. Tested with all weights. Throws
// std::invalid_argument for another rate.
Tree drop_connect(const Tree& weights, double rate, Key key);

}  // namespace fovea::optim
