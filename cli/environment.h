#pragma once

#include <string>

#include "fovea/train/config.h"

// The only file that reads environment variables:
//   FOVEA_<KEY>    a setting of a recipe: FOVEA_TRAIN_EPOCHS=5 is train.epochs = 5
//   FOVEA_THREADS  the same as --threads
//   NO_COLOR, CLICOLOR_FORCE, TERM, COLUMNS, COLORTERM as everywhere
namespace fovea::cli {

void read_environment(train::Config& config);
int environment_threads();  // 0 when not set

enum class Colour { red, green, yellow, blue, dim, bold };

bool stderr_is_terminal();  // and may be drawn on: not TERM=dumb
int terminal_width();

// The text in colour where stderr wants colours, else as it is.
std::string coloured(const std::string& text, Colour colour);

}  // namespace fovea::cli
