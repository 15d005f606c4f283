#pragma once

#include <string>

#include "cli/verb.h"
#include "fovea/train/step_profile.h"

namespace fovea::cli {

// How `bench` and `profile` show what they measured: text or JSON, and a page where asked for.
void print_profile(const train::StepProfile& p, const std::string& html, const Globals& g);

}  // namespace fovea::cli
