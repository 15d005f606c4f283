#include "fovea/optim/clip.h"

#include <cmath>
#include <stdexcept>

#include <fmt/format.h>

#include "fovea/ops/create.h"
#include "fovea/ops/elementwise.h"
#include "fovea/ops/reduce.h"

namespace fovea::optim {

Tensor clip_grad_norm(Tree& grads, double max_norm) {
  if (!(max_norm > 0))
    throw std::invalid_argument(
        fmt::format("[clip_grad_norm] expected a max_norm above 0, got {}", max_norm));
  Tensor total;
  for (const auto& [name, g] : grads) {
    if (g.is_empty()) continue;
    Tensor squares = sum(square(g));
    total = total.is_empty() ? squares : total + squares;
  }
  if (total.is_empty()) return zeros({});
  Tensor norm = sqrt(total);
  Tensor scale = minimum(max_norm / (norm + 1e-6), 1.0);
  for (auto& [name, g] : grads)
    if (!g.is_empty()) g = g * scale;
  return norm;
}

void clip_grad_value(Tree& grads, double limit) {
  if (!(limit > 0))
    throw std::invalid_argument(
        fmt::format("[clip_grad_value] expected a limit above 0, got {}", limit));
  for (auto& [name, g] : grads)
    if (!g.is_empty()) g = clamp(g, -limit, limit);
}

}  // namespace fovea::optim
