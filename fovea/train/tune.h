#pragma once

#include <functional>
#include <string>
#include <vector>

#include "fovea/backend/conv_timing.h"
#include "fovea/models/model_file.h"
#include "fovea/train/conv_rule_file.h"

namespace fovea::train {

struct TuneOptions {
  bool training = false;  // the convolutions of a training step, else of inference
  int64_t batch = 1;
  int rounds = 5;
};

// A convolution with more than one route, and what each of cpu::conv_routes took.
struct TunedConv {
  cpu::ConvPlace place;
  std::array<double, cpu::conv_routes.size()> seconds{};
  cpu::ConvRoute fixed{}, best{};

  double of(cpu::ConvRoute route) const;
  // How many times faster the best is than the fixed rule's.
  double gain() const { return of(fixed) / of(best); }
};

// Less than this is noise, and the fixed rule stays.
inline constexpr double least_gain = 1.05;

// Times every route of every 3 x 3 convolution of stride 1 that a step of the model has, slowest
// first; `progress` hears of each. A training step changes the model's weights. The fixed rule is
// in use afterwards.
std::vector<TunedConv> tune(
    models::Model& model,
    const TuneOptions& o,
    const std::function<void(size_t done, size_t of)>& progress = {});

// Adds the convolutions that gain to a rule, and takes out those that no longer do.
void apply(const std::vector<TunedConv>& convs, TunedRule& rule);

std::string tuning_text(const std::vector<TunedConv>& convs);

}  // namespace fovea::train
