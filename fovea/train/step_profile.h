#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "fovea/backend/peak.h"
#include "fovea/data/loader.h"
#include "fovea/models/model_file.h"
#include "fovea/train/recipe.h"

namespace fovea::train {

// One op of one module, over a step. `bytes` are what it must read and write at least.
struct LayerCost {
  std::string path, op, shapes;
  int calls = 0;
  double seconds = 0, flops = 0, bytes = 0;
};

// What keeps a layer from being faster: the processor's arithmetic, the memory, or neither, when it
// is too small to fill them.
enum class Bound : uint8_t { arithmetic, memory, overhead };

// The share of the nearer of the two limits that it reaches, of 1.
double share_of_peak(const LayerCost& layer, const Peak& peak);
Bound bound_of(const LayerCost& layer, const Peak& peak);

// Where the time of a step goes: of training (forward, backward, optimiser) or of inference.
struct StepProfile {
  std::string title;
  bool training = false;
  int64_t batch = 0;
  int threads = 0;
  std::vector<double> seconds;    // of each step
  std::vector<LayerCost> layers;  // of a step, on average; slowest first
  double waited = 0;              // seconds a step waited for data, on average
  int64_t peak_bytes = 0;         // most memory of tensors at once
  Peak peak;

  double median() const;          // seconds of a step
  double kernel_seconds() const;  // of all layers; the rest is building and walking the graph
  double flops() const;
};

// Pictures for a model, with labels: pixels that differ, of about the range that normalising
// leaves.
data::Batch made_up_batch(const models::Model& model, int64_t n);

struct ProfileOptions {
  int64_t batch = 1;
  int steps = 10;
  int warmup = 3;
};

// A step on made-up pictures. Throws what the model says to their size.
StepProfile profile_inference(const models::Model& model, const ProfileOptions& o);
StepProfile profile_training(models::Model& model, const ProfileOptions& o);

// The first steps of a recipe on its own data, batch size and optimiser; nothing is kept.
StepProfile profile_recipe(const Config& config, const ProfileOptions& o);

// For a terminal: the figures in words, and the slowest layers.
std::string profile_text(const StepProfile& p, int most = 20);

// The same as a page with a roofline (Williams et al. 2009).
void write_profile_html(const StepProfile& p, const std::string& path);

}  // namespace fovea::train
