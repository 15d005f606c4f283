#include "fovea/optim/penalty.h"

#include <stdexcept>

#include <fmt/format.h>

#include "fovea/ops/create.h"
#include "fovea/ops/elementwise.h"
#include "fovea/ops/reduce.h"

namespace fovea::optim {

Tensor penalty(const Tree& weights, const PenaltyOptions& o) {
  if (!(o.l1 >= 0 && o.l2 >= 0))
    throw std::invalid_argument(
        fmt::format("[penalty] expected l1 and l2 of at least 0, got {} and {}", o.l1, o.l2));
  Tensor total;
  auto add = [&](const Tensor& term) { total = total.is_empty() ? term : total + term; };
  for (const auto& [name, w] : weights) {
    if (o.l1 > 0) add(sum(abs(w)) * o.l1);
    if (o.l2 > 0) add(sum(square(w)) * o.l2);
  }
  return total.is_empty() ? zeros({}) : total;
}

}  // namespace fovea::optim
