#pragma once

#include <string>
#include <vector>

#include "fovea/hub/hub.h"
#include "fovea/train/config.h"

// The only file that reads environment variables:
//   FOVEA_<SECTION>_<NAME>  a setting of a recipe: FOVEA_OPTIMIZER_LR=0.1 is optimizer.lr = 0.1
//   FOVEA_THREADS, FOVEA_CONV_RULE  the same as --threads, --conv-rule
//   OMP_WAIT_POLICY, GOMP_SPINCOUNT  see calm_waiting_threads
//   HF_HOME, HF_HUB_CACHE, HF_ENDPOINT, HF_TOKEN, HUGGING_FACE_HUB_TOKEN, HF_TOKEN_PATH,
//   HF_HUB_OFFLINE, TORCH_HOME, XDG_CACHE_HOME, HOME  where `fovea pull` keeps files and gets them
//   from, as in Python; folders may have "~", and those of the hub variables in them
//   FOVEA_TORCHVISION_ENDPOINT  where torchvision's files are, for a mirror
//   NO_COLOR, CLICOLOR_FORCE, TERM, COLUMNS, COLORTERM as everywhere
namespace fovea::cli {

// Waiting threads of GNU OpenMP spin for milliseconds by default, which makes a busy machine many
// times slower. It can only be told otherwise before the process starts: this sets GOMP_SPINCOUNT
// and starts the program again, unless it or OMP_WAIT_POLICY is set. Call it first.
void calm_waiting_threads(char** argv);

// Sets what variables of the form FOVEA_<SECTION>_<NAME> say, where the section is one of a recipe
// (run, data, model, train, optimizer, schedule). Empty variables are left alone. Throws
// std::invalid_argument, naming the variable and the nearest key, for a setting that does not exist
// or a value of another type. Gives a note for each FOVEA_ variable that nothing reads.
std::vector<std::string> read_environment(train::Config& config);
// 0 when not set. Throws std::invalid_argument where it is no number of threads.
int environment_threads();
std::string environment_conv_rule();  // empty when not set

// The hub as the variables say; a token may lie in a file, as `huggingface-cli login` leaves it.
// Throws std::invalid_argument, or IoError for that file, where HTTP cannot carry the token.
hub::HubOptions environment_hub();

enum class Colour { red, green, yellow, blue, dim, bold };

bool stderr_is_terminal();  // and may be drawn on: not TERM=dumb
int terminal_width();

// The text in colour where stderr wants colours, else as it is.
std::string coloured(const std::string& text, Colour colour);

}  // namespace fovea::cli
