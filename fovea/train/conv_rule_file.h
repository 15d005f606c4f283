#pragma once

#include <filesystem>
#include <string>

#include "fovea/backend/conv_rule.h"

namespace fovea::train {

// What `fovea tune` found: convolutions that are faster here by another route than the fixed
// rule's.
struct TunedRule {
  std::string arithmetic;  // cpu::arithmetic() under the fixed rule, where it was measured
  int threads = 0;         // with which it was measured
  std::map<cpu::ConvPlace, cpu::ConvRoute> exceptions;
};

// JSON, sorted, so that equal rules are equal files.
void write_tuned_rule(const std::filesystem::path& path, const TunedRule& rule);

// Throws IoError for what cannot be read or is no such file.
TunedRule read_tuned_rule(const std::filesystem::path& path);

// Has this process follow the rule of a file; cpu::arithmetic() then names it by its hash. Throws
// IoError as above, and where the file was measured with other instructions, another library or
// under another fixed rule.
void use_tuned_rule(const std::filesystem::path& path);

}  // namespace fovea::train
