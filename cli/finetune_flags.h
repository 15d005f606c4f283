#pragma once

#include <string>

#include <nlohmann/json.hpp>

#include "cli/verb.h"
#include "fovea/train/finetune.h"

namespace fovea::cli {

// How a model is fine-tuned, for the verbs that do so or look at it.
struct FinetuneFlags {
  std::string mode = "auto", preprocess;
  train::FinetuneOptions how;

  void add_to(Arguments& app);
  // What is trained when `model` goes on with the settings of `config`; tells the reasons.
  train::Finetuning plan(train::Config config, const std::string& model, const Globals& g) const;
};

nlohmann::ordered_json advice_json(const train::Advice& advice);

}  // namespace fovea::cli
