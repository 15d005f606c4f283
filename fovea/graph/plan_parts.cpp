#include "fovea/graph/plan_parts.h"

#include <algorithm>
#include <set>

#include "fovea/core/node.h"
#include "fovea/core/primitive.h"
#include "fovea/graph/plan_state.h"

namespace fovea::graph {

namespace {

constexpr int64_t kNear = 16 << 20, kMostWeights = 24 << 20;  // bytes

}  // namespace

int64_t pictures_at_once(std::span<const Tensor> outputs, std::span<const Tensor> inputs) {
  const int64_t n = inputs[0].rank() == 0 ? 0 : inputs[0].dim(0);
  for (const Tensor& t : inputs)
    if (t.rank() == 0 || t.dim(0) != n) return n;
  std::set<const Value*> weights;
  int64_t weight_bytes = 0, largest = 0;
  for (const auto& node : reachable(outputs)) {
    int64_t bytes = 0;
    for (const Tensor& t : node->inputs) {
      const bool given = std::ranges::any_of(
          inputs, [&](const Tensor& input) { return input.value() == t.value(); });
      if (!t.is_evaluated() || given)
        bytes += int64_t(t.nbytes());
      else if (weights.insert(t.value().get()).second)
        weight_bytes += int64_t(t.nbytes());
    }
    if (node->primitive->kind() == Kind::view) continue;
    for (const auto& output : node->outputs) bytes += int64_t(bytes_of(output.spec));
    largest = std::max(largest, bytes);
  }
  if (weight_bytes > kMostWeights || largest <= kNear) return n;
  int64_t part = std::clamp(kNear * n / largest, std::min<int64_t>(2, n), n);
  while (n % part != 0) ++part;
  return part;
}

}  // namespace fovea::graph
