#pragma once

// What the programs of fovea have in common with worker.py: how they talk to run.py.

#include <functional>
#include <string>

#include <nlohmann/json.hpp>

namespace fovea::bench {

struct Flags {
  std::string work, model, weights, folder;
  int64_t size = 224, channels = 3, classes = 1000, batch = 1;
  int warmup = 3, threads = 2;
  bool avx2 = false, profile = false;
};

// A figure of /proc/self/status in MB: VmRSS is the memory in use, VmHWM the most of late.
double memory_mb(const std::string& name);

// Prints `ready`, then runs as many steps as each line of standard input asks for and prints what
// they took, with the peak of memory since.
void serve(const nlohmann::ordered_json& ready, const std::function<void()>& step);

// load_bench.cpp: batches from the folder of flags.folder on one thread.
void run_loading(const Flags& flags);

}  // namespace fovea::bench
