// Runs training steps or inference of one network when told to and prints what they took as JSON, a
// line each, for bench/peers/run.py, which has torch_step.py and onnx_step.py do the same.
#include <algorithm>
#include <iostream>
#include <stdexcept>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "fovea/backend/instruction_set.h"
#include "fovea/backend/peak.h"
#include "fovea/core/profile.h"
#include "fovea/core/version.h"
#include "fovea/formats/safetensors_tree.h"
#include "fovea/models/frozen.h"
#include "fovea/optim/sgd.h"
#include "fovea/train/step.h"
#include "worker.h"

namespace {

using namespace fovea;

using bench::Flags;

// The same in torch_step.py: values in [-1, 1) by a multiplicative hash of the index, and labels.
data::Batch make_batch(const Flags& flags) {
  Tensor images = Tensor::empty({flags.batch, flags.size, flags.size, flags.channels});
  auto values = images.mutable_data<float>();
  for (size_t i = 0; i < values.size(); ++i)
    values[i] = float(double(uint32_t(i) * 2654435761u) / 2147483648.0 - 1);
  data::Batch batch{.images = images};
  std::vector<int32_t> labels;
  for (int64_t i = 0; i < flags.batch; ++i) {
    labels.push_back(int32_t(i * 7 % flags.classes));
    batch.indices.push_back(i);
  }
  batch.labels = Tensor::from(labels, {flags.batch});
  return batch;
}

models::Model make_model(const Flags& flags) {
  models::Model model;
  model.architecture = {
      .name = flags.model,
      .input = {flags.size, flags.size, flags.channels},
      .classes = flags.classes};
  model.net = models::build(model.architecture);
  nn::initialize(*model.net, Key{1});
  model.preprocess.channels = int(flags.channels);
  return model;
}

void run(const Flags& flags) {
  set_threads(flags.threads);
  const double base = bench::memory_mb("VmRSS");
  models::Model model = make_model(flags);
  if (!flags.weights.empty()) formats::save_safetensors(flags.weights, nn::export_tree(*model.net));
  const data::Batch batch = make_batch(flags);
  const bool train = flags.work == "train";
  optim::Sgd optimizer({.lr = 1e-3, .momentum = 0.9, .weight_decay = 5e-4});
  const models::FrozenModel frozen(model);
  std::vector<float> scores;
  if (train) scores = model.scores(batch.images).to_vector();
  std::vector<double> losses;
  auto step = [&] {
    if (train)
      losses.push_back(train::train_step(model, optimizer, batch, Key{losses.size()}).loss);
    else
      scores = frozen.scores(batch.images).to_vector();
  };

  for (int i = 0; i < flags.warmup; ++i) step();
  double flops = 0;
  {
    Profile profile;
    step();
    for (const ProfileRow& row : profile.rows()) flops += row.flops;
    if (flags.profile) std::cerr << profile.table();
  }
  nlohmann::ordered_json ready{
      {"version", version()},
      {"instruction_set", cpu::instruction_set()},
      {"gflop", flops * 1e-9},
      {"base_mb", base},
      {"losses", losses},
      {"scores", scores}};
  bench::serve(ready, step);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app(
      "Gets a network ready, prints a line, and then for each number read runs that many steps and "
      "prints their times. With \"machine\": measures the machine.");
  Flags flags;
  app.add_option("work", flags.work, "train, infer, load or machine")
      ->required()
      ->check(CLI::IsMember({"train", "infer", "load", "machine"}));
  app.add_option("model", flags.model, "a model of `fovea models`");
  app.add_option("--size", flags.size, "sides of the images");
  app.add_option("--channels", flags.channels, "channels of the images");
  app.add_option("--classes", flags.classes, "classes");
  app.add_option("--batch", flags.batch, "images a step");
  app.add_option("--warmup", flags.warmup, "steps before the line");
  app.add_option("--threads", flags.threads, "threads");
  app.add_option("--folder", flags.folder, "pictures to load");
  app.add_option("--weights", flags.weights, "file to write the initial weights to");
  app.add_flag(
      "--avx2", flags.avx2, "keep our kernels to AVX2; ONEDNN_MAX_CPU_ISA=AVX2 does it for oneDNN");
  app.add_flag("--profile", flags.profile, "print the ops of a step to stderr");
  CLI11_PARSE(app, argc, argv);
  try {
    if (flags.avx2) cpu::limit_instruction_set("AVX2");
    if (flags.work == "machine") {
      auto peak = measure_peak(flags.threads);
      nlohmann::ordered_json j{{"fma", peak.fma}, {"sgemm", peak.sgemm}, {"memory", peak.memory}};
      std::cout << j.dump() << "\n";
    } else if (flags.work == "load") {
      bench::run_loading(flags);
    } else {
      run(flags);
    }
    return 0;
  } catch (const std::exception& e) {
    std::cerr << "fovea_peer_bench: " << e.what() << "\n";
    return 1;
  }
}
