#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

// Which parameters learn how fast, by their names.
namespace fovea::optim {

// The parameters whose names match `pattern` (`*` any run of characters, `?` any one). The first
// group that matches a name counts; a name that none matches has the optimiser's own settings.
struct ParamGroup {
  std::string pattern;                 // "*.bias"
  double lr_scale = 1;                 // times the learning rate; 0 freezes, to the bit
  std::optional<double> weight_decay;  // instead of the optimiser's
};

bool glob_match(std::string_view pattern, std::string_view text);

// The first group that matches `name`, or null.
const ParamGroup* find_group(const std::vector<ParamGroup>& groups, std::string_view name);

// Groups as a recipe writes them, separated by `;`: "fc.* lr_scale=10; *.bias weight_decay=0".
// Throws std::invalid_argument for anything else.
std::vector<ParamGroup> parse_groups(std::string_view text);

}  // namespace fovea::optim
