#include "fovea/optim/constraint.h"

#include <numeric>
#include <stdexcept>
#include <vector>

#include <fmt/format.h>

#include "fovea/ops/elementwise.h"
#include "fovea/ops/reduce.h"

namespace fovea::optim {

void max_norm(Tree& weights, double limit) {
  if (!(limit > 0))
    throw std::invalid_argument(fmt::format("[max_norm] expected a limit above 0, got {}", limit));
  for (auto& [name, w] : weights) {
    if (w.rank() < 2)
      throw std::invalid_argument(fmt::format(
          "[max_norm] expected weights (O, ...) as weights_of gives, got {} {}", name, w.str()));
    std::vector<int> axes(size_t(w.rank() - 1));
    std::iota(axes.begin(), axes.end(), 1);
    Tensor norm = sqrt(sum(square(w), axes, {.keep = true}));
    w = w * (limit / maximum(norm, limit));
  }
}

}  // namespace fovea::optim
