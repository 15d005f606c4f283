#pragma once

#include <string>
#include <vector>

#include "fovea/train/config.h"
#include "fovea/train/signals.h"

// How a network begins under several initialisers: what they do to the activations on their way
// forward and to the gradients on their way back (CS231n, "Neural networks, part 2").
namespace fovea::train {

struct InitOptions {
  // Rules of nn::init_named for every weight of two axes or more, biases and norms staying as they
  // are; "recipe" is the network as the recipe begins it.
  std::vector<std::string> rules = {
      "recipe", "small_normal", "unit_normal", "xavier_normal", "he_normal", "lecun_uniform"};
  int64_t pictures = 128;
};

struct InitColumn {
  std::string rule;
  double loss = 0;                  // of the first pass
  std::vector<SignalStats> layers;  // activations in their order, the scores last
  std::string verdict;              // "holds", "dies away", "explodes", "saturates", "overflows"
};

struct InitTable {
  std::string title;  // of the recipe
  int64_t pictures = 0;
  std::vector<InitColumn> columns;  // as the rules; equal layers in all
  std::vector<std::string> notes;
};

// One pass of a network under one rule, drawn from the key. Parameters are put back afterwards.
InitColumn init_column(
    nn::Module& net,
    const data::Batch& batch,
    const std::string& rule,
    Key key,
    const SignalOptions& o = {});

// The network of a recipe on its own pictures. Nothing is trained and nothing written.
InitTable init_table(const Config& config, const InitOptions& o = {});

// For a terminal: mean and deviation of the activations, and deviation of their gradients.
std::string init_table_text(const InitTable& t);

// FILE.html with charts, or FILE.csv. Throws std::invalid_argument for another ending, IoError
// where it cannot be written.
void write_init_table(const InitTable& t, const std::string& path);

}  // namespace fovea::train
