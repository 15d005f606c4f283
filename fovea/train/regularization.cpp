#include "fovea/train/regularization.h"

#include "fovea/optim/noise.h"
#include "fovea/optim/weights.h"

namespace fovea::train {

Tree regularized_weights(nn::Module& net, const Regularization& r, const Frozen* frozen) {
  if (!r.acts_on_weights()) return {};
  Tree weights = optim::weights_of(nn::parameters(net), r.on);
  if (frozen) std::erase_if(weights, [&](const auto& item) { return frozen->holds(item.first); });
  return weights;
}

NoisyWeights::NoisyWeights(nn::Module& net, const Tree& weights, const Regularization& r, Key key)
    : net_(net) {
  Tree noisy = weights;
  if (r.weight_noise > 0) noisy = optim::with_noise(noisy, r.weight_noise, key.fold_in(0));
  if (r.drop_connect > 0) noisy = optim::drop_connect(noisy, r.drop_connect, key.fold_in(1));
  nn::assign(net, noisy);
  before_ = weights;
}

NoisyWeights::~NoisyWeights() { nn::assign(net_, before_); }

}  // namespace fovea::train
