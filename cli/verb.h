#pragma once

#include <functional>
#include <string>
#include <vector>

#include "cli/arguments.h"

// What every verb of the command shares. stdout carries the result, stderr everything else.
namespace fovea::cli {

// Exit codes, as scripts rely on them.
enum Exit : int {
  ok = 0,
  failure = 1,
  usage = 2,
  bad_data = 3,
  check_failed = 4,
  interrupted = 130,  // SIGINT
  terminated = 143,   // SIGTERM
};

// The options that every verb takes.
struct Globals {
  bool json = false;
  bool quiet = false;
  int threads = 0;
  std::string conv_rule;
};

struct Verb {
  const char* name;
  const char* summary;
  std::vector<std::string> examples;  // command lines, shown by --help and in the man page
  // Adds the verb's options to `app` and returns what runs it after parsing.
  std::function<std::function<int(const Globals&)>(Arguments& app)> make;
};

const std::vector<Verb>& verbs();  // in the order of the help

Verb train_verb();
Verb finetune_verb();
Verb find_lr_verb();
Verb search_verb();
Verb cross_validate_verb();
Verb compare_init_verb();
Verb loss_surface_verb();
Verb toy_verb();
Verb features_verb();
Verb eval_verb();
Verb predict_verb();
Verb serve_verb();
Verb ensemble_verb();
Verb models_verb();
Verb convert_verb();
Verb pull_verb();
Verb parity_verb();
Verb data_verb();
Verb bench_verb();
Verb profile_verb();
Verb tune_verb();
Verb doctor_verb();
Verb completion_verb();

// Prints to stdout, and to stderr unless quiet.
void print(const std::string& text);
void tell(const Globals& g, const std::string& text);

}  // namespace fovea::cli
