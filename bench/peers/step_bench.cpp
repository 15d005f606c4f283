// Times the training step or the inference of one network and prints the result as JSON, for
// bench/peers/run.py, which runs torch_step.py beside it on the same numbers.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <iostream>
#include <span>
#include <stdexcept>
#include <string>
#include <sys/resource.h>
#include <vector>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "fovea/backend/peak.h"
#include "fovea/core/profile.h"
#include "fovea/formats/safetensors_tree.h"
#include "fovea/models/frozen.h"
#include "fovea/optim/sgd.h"
#include "fovea/train/step.h"

namespace {

using namespace fovea;

struct Case {
  std::string name, model;
  Shape input;
  int64_t classes;
  bool train;
};

const Case cases[] = {
    {"train_resnet18_cifar", "resnet18_cifar", {32, 32, 3}, 10, true},
    {"train_convnet", "convnet", {32, 32, 3}, 10, true},
    {"infer_resnet50", "resnet50", {224, 224, 3}, 1000, false},
};

// The same in torch_step.py: values in [-1, 1) by a multiplicative hash of the index, and labels.
data::Batch make_batch(const Case& c, int64_t size) {
  Tensor images = Tensor::empty({size, c.input[0], c.input[1], c.input[2]});
  auto values = images.mutable_data<float>();
  for (size_t i = 0; i < values.size(); ++i)
    values[i] = float(double(uint32_t(i) * 2654435761u) / 2147483648.0 - 1);
  data::Batch batch{.images = images};
  std::vector<int32_t> labels;
  for (int64_t i = 0; i < size; ++i) {
    labels.push_back(int32_t(i * 7 % c.classes));
    batch.indices.push_back(i);
  }
  batch.labels = Tensor::from(labels, {size});
  return batch;
}

models::Model make_model(const Case& c) {
  models::Model model;
  model.architecture = {.name = c.model, .input = c.input, .classes = c.classes};
  model.net = models::build(model.architecture);
  nn::initialize(*model.net, Key{1});
  return model;
}

struct Usage {
  double cpu_seconds, peak_rss_mb;
};
Usage usage() {
  rusage u{};
  getrusage(RUSAGE_SELF, &u);
  auto seconds = [](const timeval& t) { return double(t.tv_sec) + 1e-6 * double(t.tv_usec); };
  return {seconds(u.ru_utime) + seconds(u.ru_stime), double(u.ru_maxrss) / 1024};
}

struct Flags {
  std::string name, weights;
  int64_t batch = 32;
  int steps = 10, warmup = 3, threads = 2;
  bool profile = false;
};

nlohmann::ordered_json run(const Case& c, const Flags& flags) {
  set_threads(flags.threads);
  models::Model model = make_model(c);
  if (!flags.weights.empty()) formats::save_safetensors(flags.weights, nn::export_tree(*model.net));
  const data::Batch batch = make_batch(c, flags.batch);
  optim::Sgd optimizer({.lr = 0.01, .momentum = 0.9, .weight_decay = 5e-4});

  const models::FrozenModel frozen(model);
  std::vector<double> losses;
  std::vector<float> scores;
  auto step = [&] {
    if (c.train)
      losses.push_back(train::train_step(model, optimizer, batch, Key{0}).loss);
    else
      scores = frozen.scores(batch.images).to_vector();
  };

  for (int i = 0; i < flags.warmup; ++i) step();
  std::vector<double> seconds;
  const double cpu_before = usage().cpu_seconds;
  for (int i = 0; i < flags.steps; ++i) {
    auto start = std::chrono::steady_clock::now();
    step();
    std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    seconds.push_back(took.count());
  }
  const Usage used = usage();

  Profile profile;
  step();
  double flops = 0;
  for (const ProfileRow& row : profile.rows()) flops += row.flops;
  if (flags.profile) std::cerr << profile.table();

  scores.resize(std::min<size_t>(scores.size(), 8));
  losses.resize(std::min<size_t>(losses.size(), 8));
  return {
      {"case", c.name},
      {"batch", flags.batch},
      {"threads", threads()},
      {"seconds", seconds},
      {"cpu_seconds", (used.cpu_seconds - cpu_before) / flags.steps},
      {"peak_rss_mb", used.peak_rss_mb},
      {"gflop", flops * 1e-9},
      {"losses", losses},
      {"scores", scores}};
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Times one step of a network, or the machine itself (case \"machine\").");
  Flags flags;
  app.add_option("case", flags.name, "machine, or train_resnet18_cifar and the like")->required();
  app.add_option("--batch", flags.batch, "images a step");
  app.add_option("--steps", flags.steps, "steps to time");
  app.add_option("--warmup", flags.warmup, "steps before");
  app.add_option("--threads", flags.threads, "threads");
  app.add_option("--weights", flags.weights, "file to write the initial weights to");
  app.add_flag("--profile", flags.profile, "print the ops of a step to stderr");
  CLI11_PARSE(app, argc, argv);
  try {
    if (flags.name == "machine") {
      auto peak = measure_peak(flags.threads);
      nlohmann::ordered_json j{{"fma", peak.fma}, {"sgemm", peak.sgemm}, {"memory", peak.memory}};
      std::cout << j.dump() << "\n";
      return 0;
    }
    auto c = std::ranges::find(cases, flags.name, &Case::name);
    if (c == std::end(cases)) throw std::invalid_argument("no such case: " + flags.name);
    std::cout << run(*c, flags).dump() << "\n";
    return 0;
  } catch (const std::exception& e) {
    std::cerr << "fovea_peer_bench: " << e.what() << "\n";
    return 1;
  }
}
