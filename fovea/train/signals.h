#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "fovea/train/frozen.h"
#include "fovea/train/recipe.h"
#include "fovea/train/setup.h"

// What runs through a network in one step: activations forward, gradients backward.
namespace fovea::train {

// Evaluated f32 values and, of the same shape, the gradient of the mean loss with respect to them.
struct LayerSignal {
  std::string name;  // "conv1", or "conv1.weight"
  std::string op;    // the nonlinearity; empty for scores and weights
  Tensor values, gradient;
};

// How far the statistics that a batch norm keeps for inference lie from those of a batch.
struct NormDrift {
  std::string name;
  double mean = 0;  // root mean square over channels of (batch mean - running mean) / running std
  double log_var = 0;  // the same of ln(batch variance / running variance)
};

struct Signals {
  double loss = 0;
  std::vector<LayerSignal> activations;  // behind each nonlinearity, as they run, then the scores
  std::vector<LayerSignal> weights;      // trained parameters of two axes or more, as they are used
  std::vector<NormDrift> drifts;         // of batch norms that are not frozen
};

struct SignalOptions {
  LossOptions loss;
  const Frozen* frozen = nullptr;  // what is not trained
  Key key{0};                      // for dropout and the like
  size_t most = 64;  // activations, and weights; of more, some evenly spread ones are taken
};

// One forward and backward pass in training mode, which leaves no trace in the network.
Signals signals_of(nn::Module& net, const data::Batch& batch, const SignalOptions& o = {});

// Shares of the values in equally wide bins from low to high, those beyond in the outermost. Values
// of 0 are left out, so that those of a ReLU do not dwarf the rest. Empty where all are 0.
struct Histogram {
  double low = 0, high = 0;
  std::vector<double> shares = {};
};
inline constexpr int histogram_bins = 40;
// Gradients are counted by the logarithm (base 10) of their size, always from and to these.
inline constexpr double gradient_low = -12, gradient_high = 4;

struct SignalStats {
  std::string name, op;
  double mean = 0, std = 0;
  double zero = 0;       // share of values that are 0
  double dead = 0;       // of a ReLU: share of channels that are 0 for the whole batch
  double saturated = 0;  // of tanh and sigmoids: share within 1 % of an end
  double gradient_mean = 0, gradient_std = 0;
  Histogram values, gradient;  // of values, from their 0.2 to their 99.8 percentile
};
// Of large tensors, mean, deviation and histograms are those of 2^15 evenly spread values.
SignalStats stats_of(const LayerSignal& signal);
std::vector<SignalStats> stats_of(const std::vector<LayerSignal>& signals);

// The histogram's shares in equally wide bins over another range.
std::vector<double> resampled(const Histogram& h, double low, double high, int bins);

double norm_of(std::span<const float> values);  // sqrt of the sum of squares

// Of each weight (not of biases) that is not 0 and moved: the norm of its change over its own.
std::map<std::string, double> update_ratios(const Tree& before, const Tree& after);

// Evenly spread places of `most` among n, the first and the last with them.
std::vector<size_t> spread(size_t n, size_t most);

// Pictures of the training split without augmentation, drawn by the recipe's seed, at most `most`.
data::Batch sample_batch(const Recipe& recipe, const Setup& setup, int64_t most);

}  // namespace fovea::train
