#include "fovea/train/step_profile.h"

#include <algorithm>
#include <chrono>
#include <functional>
#include <map>

#include "fovea/core/allocator.h"
#include "fovea/core/numbers.h"
#include "fovea/core/profile.h"
#include "fovea/models/frozen.h"
#include "fovea/optim/factory.h"
#include "fovea/optim/sgd.h"
#include "fovea/train/fit.h"
#include "fovea/train/setup.h"
#include "fovea/train/step.h"

namespace fovea::train {

namespace {

using Clock = std::chrono::steady_clock;

double since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

// The mean over so many steps.
std::vector<LayerCost> layers_of(const Profile& profile, int steps) {
  std::map<std::pair<std::string, std::string>, LayerCost> sums;
  for (const ProfileRow& r : profile.rows()) {
    LayerCost& c = sums[{r.path, r.op + r.shapes}];
    c.path = r.path, c.op = r.op, c.shapes = r.shapes;
    ++c.calls;
    c.seconds += r.seconds, c.flops += r.flops, c.bytes += r.bytes;
  }
  std::vector<LayerCost> layers;
  for (auto& [key, c] : sums) {
    c.calls /= steps;
    c.seconds /= steps, c.flops /= steps, c.bytes /= steps;
    layers.push_back(std::move(c));
  }
  std::ranges::stable_sort(layers, std::greater(), &LayerCost::seconds);
  return layers;
}

// Times `step` after a warm-up, and then each of its ops.
void measure(StepProfile& p, const ProfileOptions& o, const std::function<void()>& step) {
  for (int i = 0; i < o.warmup; ++i) step();
  host_allocator().reset_peak();
  for (int i = 0; i < o.steps; ++i) {
    const auto begin = Clock::now();
    step();
    p.seconds.push_back(since(begin));
  }
  p.peak_bytes = host_allocator().stats().peak;
  Profile profile;
  for (int i = 0; i < o.steps; ++i) step();
  p.layers = layers_of(profile, o.steps);
  p.threads = threads();
  p.peak = measure_peak(p.threads);
}

}  // namespace

data::Batch made_up_batch(const models::Model& model, int64_t n) {
  const Shape& in = model.architecture.input;
  Tensor x = Tensor::empty({n, in[0], in[1], in[2]});
  Tensor labels = Tensor::empty({n}, Dtype::i32);
  auto pixels = x.mutable_data<float>();
  for (size_t i = 0; i < pixels.size(); ++i)
    pixels[i] = float(uint32_t(i) * 2654435761u) / 2147483648.0f - 1;
  for (int64_t i = 0; i < n; ++i)
    labels.mutable_data<int32_t>()[size_t(i)] = int32_t(i * 7 % model.architecture.classes);
  data::Batch batch;
  batch.images = x;
  batch.labels = labels;
  return batch;
}

double share_of_peak(const LayerCost& layer, const Peak& peak) {
  const double least = std::max(layer.flops / peak.fma, layer.bytes / peak.memory) * 1e-9;
  return layer.seconds > 0 ? least / layer.seconds : 0;
}

Bound bound_of(const LayerCost& layer, const Peak& peak) {
  if (layer.seconds < 20e-6 * layer.calls && share_of_peak(layer, peak) < 0.25)
    return Bound::overhead;
  return layer.flops / peak.fma > layer.bytes / peak.memory ? Bound::arithmetic : Bound::memory;
}

double StepProfile::median() const { return median_of(seconds); }

double StepProfile::kernel_seconds() const {
  double sum = 0;
  for (const LayerCost& c : layers) sum += c.seconds;
  return sum;
}

double StepProfile::flops() const {
  double sum = 0;
  for (const LayerCost& c : layers) sum += c.flops;
  return sum;
}

StepProfile profile_inference(const models::Model& model, const ProfileOptions& o) {
  StepProfile p{.title = model.architecture.name + ", inference", .batch = o.batch};
  const data::Batch batch = made_up_batch(model, o.batch);
  const graph::Plan plan = models::freeze(*model.net, batch.images.shape());
  measure(p, o, [&] { plan.run(batch.images); });
  return p;
}

StepProfile profile_training(models::Model& model, const ProfileOptions& o) {
  StepProfile p{.title = model.architecture.name + ", training", .training = true};
  p.batch = o.batch;
  const data::Batch batch = made_up_batch(model, o.batch);
  optim::Sgd optimizer({.lr = 1e-3, .momentum = 0.9});
  measure(p, o, [&] { train_step(model, optimizer, batch, Key(0)); });
  return p;
}

StepProfile profile_recipe(const Config& config, const ProfileOptions& o) {
  const Recipe recipe(config);
  use_processors(recipe);
  Setup setup = set_up(recipe);
  check_learns_by_steps(setup.model, "a profile of training steps");
  data::Loader loader(setup.source.train, loader_options(recipe, setup, true));
  auto optimizer = optim::make_optimizer(recipe.optimizer);
  const Frozen frozen = freeze_modules(*setup.model.net, recipe.freeze);
  StepProfile p{.title = recipe.name, .training = true, .batch = recipe.batch};
  int64_t epoch = 0;
  double waited = 0;
  int steps = 0;
  loader.start(epoch);
  measure(p, o, [&] {
    const auto begin = Clock::now();
    auto batch = loader.next();
    if (!batch) {
      loader.start(++epoch);
      batch = loader.next();
    }
    if (steps++ >= o.warmup) waited += since(begin);
    train_step(
        setup.model,
        *optimizer,
        *batch,
        Key(recipe.seed),
        {.loss = setup.loss,
         .clip_norm = recipe.clip_norm,
         .frozen = &frozen,
         .regularization = recipe.regularization});
  });
  p.waited = waited / double(std::max(steps - o.warmup, 1));
  return p;
}

}  // namespace fovea::train
