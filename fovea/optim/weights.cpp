#include "fovea/optim/weights.h"

#include <stdexcept>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "fovea/core/text.h"
#include "fovea/optim/group.h"

namespace fovea::optim {

Tree weights_of(const Tree& params, std::string_view pattern) {
  Tree weights;
  for (const auto& [name, t] : params)
    if (t.rank() >= 2 && glob_match(pattern, name)) weights.emplace(name, t);
  if (weights.empty()) {
    std::vector<std::string> names;
    for (const auto& [name, t] : params)
      if (t.rank() >= 2) names.push_back(name);
    throw std::invalid_argument(fmt::format(
        "[regularize] expected the pattern \"{}\" to match a weight of rank 2 or more, "
        "got none of {}",
        pattern,
        list_of(names)));
  }
  return weights;
}

}  // namespace fovea::optim
