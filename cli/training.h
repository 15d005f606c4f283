#pragma once

#include <functional>
#include <string>

#include "cli/verb.h"
#include "fovea/train/config.h"
#include "fovea/train/finetune.h"
#include "fovea/train/trainer.h"

namespace fovea::cli {

// Runs a training to its end or to a signal, with progress on stderr and the result on stdout, and
// gives the exit code. SIGINT and SIGTERM stop after a checkpoint, SIGUSR1 writes one.
int train_and_print(const train::Config& config, bool overwrite, const Globals& g);
int train_and_print(train::Finetuning plan, bool overwrite, const Globals& g);
int resume_and_print(const std::string& folder, const Globals& g);

// Listens to these signals from now on; what it returns tells which was the last. A second one that
// stops ends the process at once.
std::function<train::Signal()> watch_signals();
int stop_code();  // the exit code for the signal that came

}  // namespace fovea::cli
