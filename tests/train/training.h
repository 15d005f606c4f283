#pragma once

#include <map>
#include <string>

#include "fovea/formats/safetensors_tree.h"
#include "fovea/train/recipe.h"
#include "fovea/train/trainer.h"

// A run that has everything with a state in it, on a few hundred digits.
namespace fovea::train {

inline Config small_recipe(
    const std::string& folder, const std::map<std::string, std::string>& changes = {}) {
  Config c = recipe_config();
  c.read_toml_text(
      R"(
[data]
limit = 240
workers = 1
[model]
name = "layers"
[train]
epochs = 3
batch = 20
clip_norm = 1.0
label_smoothing = 0.1
ema = 0.9
[optimizer]
name = "adamw"
lr = 0.003
[schedule]
name = "one_cycle"
[[model.layers]]
type = "conv"
out = 6
stride = 2
norm = "batch"
act = "relu"
[[model.layers]]
type = "dropout"
rate = 0.2
[[model.layers]]
type = "max_pool"
[[model.layers]]
type = "flatten"
[[model.layers]]
type = "linear"
out = 10
[[augment]]
type = "random_crop"
size = 28
padding = 2
)",
      "small.toml");
  c.set("run.folder", folder, "test");
  for (const auto& [key, value] : changes) c.set(key, value, "test");
  return c;
}

// Weights, statistics, optimiser and average of the last checkpoint, and the best model.
struct Bits {
  std::string last, best;
  friend bool operator==(const Bits&, const Bits&) = default;
};
inline Bits bits_of(const std::string& run) {
  return {
      fingerprint(formats::load_safetensors(run + "/last.safetensors").tensors),
      fingerprint(formats::load_safetensors(run + "/model.safetensors").tensors)};
}

class Watch : public Observer {
 public:
  std::function<void(const StepReport&)> at_step;
  std::vector<double> losses;  // of the epochs
  std::vector<std::string> notes;

  void note(const std::string& text) override { notes.push_back(text); }
  void on_step(const StepReport& r) override {
    if (at_step) at_step(r);
  }
  void on_epoch(const EpochReport& r) override { losses.push_back(r.train_loss); }
};

}  // namespace fovea::train
