#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "fovea/train/frozen.h"

// How the layers of a network fare while it trains.
namespace fovea::train {

// The values behind a nonlinearity, for a batch. ReLUs inside a batch norm count too.
struct Activation {
  std::string path, op;  // "features.3", "relu"
  double dead = 0;       // share of channels that are 0 for the whole batch
  double saturated = 0;  // share of tanh and sigmoid within 1 % of an end
  double std = 0;
};

// How far the statistics that a batch norm keeps for inference lie from those of a batch.
struct NormDrift {
  std::string path;
  double mean = 0;  // root mean square over channels of (batch mean - running mean) / running std
  double log_var = 0;  // the same of ln(batch variance / running variance)
};

struct LayerSigns {
  std::vector<Activation> activations;
  std::vector<NormDrift> drifts;
};

// Runs the network on images (N, H, W, C) as in training, and keeps nothing of it.
LayerSigns look_at_layers(nn::Module& net, const Tensor& images, const Frozen& frozen = {});

double norm_of(std::span<const float> values);  // sqrt of the sum of squares

// Of each weight that changed (not of biases): the norm of its change over the norm it had.
std::map<std::string, double> update_ratios(const Tree& before, const Tree& after);

// What a run records of its layers, 20 times at most, and not more often than every 50 steps but in
// a run of less than 100, so that it costs about a hundredth of the time: "update/NAME", the ratio
// of a weight's update; "dead/PATH" and "saturated/PATH", shares of an activation; "drift/PATH",
// the larger of the two numbers of a batch norm.
class VitalSigns {
 public:
  VitalSigns(nn::Module& net, int64_t steps) : net_(net), steps_(steps) {}

  bool due(int64_t step) const;  // for the step of this number, from 1

  void before_step();
  // `images` are the step's.
  std::map<std::string, double> after_step(const Tensor& images, const Frozen& frozen);

 private:
  nn::Module& net_;
  int64_t steps_;
  Tree before_;
};

}  // namespace fovea::train
