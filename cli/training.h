#pragma once

#include <string>

#include "cli/verb.h"
#include "fovea/train/config.h"
#include "fovea/train/finetune.h"

namespace fovea::cli {

// Runs a training to its end or to a signal, with progress on stderr and the result on stdout, and
// gives the exit code. SIGINT and SIGTERM stop after a checkpoint, SIGUSR1 writes one.
int train_and_print(const train::Config& config, bool overwrite, const Globals& g);
int train_and_print(train::Finetuning plan, bool overwrite, const Globals& g);
int resume_and_print(const std::string& folder, const Globals& g);

}  // namespace fovea::cli
