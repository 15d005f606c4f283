#include "fovea/optim/constraint.h"

#include <numeric>
#include <stdexcept>
#include <vector>

#include <fmt/format.h>

#include "fovea/ops/elementwise.h"
#include "fovea/ops/reduce.h"
#include "fovea/optim/weights.h"

namespace fovea::optim {

void max_norm(Tree& params, double limit, std::string_view pattern) {
  if (!(limit > 0))
    throw std::invalid_argument(fmt::format("[max_norm] expected a limit above 0, got {}", limit));
  for (const auto& [name, w] : weights_of(params, pattern)) {
    std::vector<int> axes(size_t(w.rank() - 1));
    std::iota(axes.begin(), axes.end(), 1);
    Tensor norm = sqrt(sum(square(w), axes, {.keep = true}));
    params[name] = w * (limit / maximum(norm, limit));
  }
}

}  // namespace fovea::optim
