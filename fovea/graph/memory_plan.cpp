#include "fovea/graph/memory_plan.h"

#include <algorithm>
#include <numeric>

namespace fovea::graph {

namespace {

size_t rounded(size_t bytes) { return (bytes + 63) / 64 * 64; }

}  // namespace

MemoryPlan place_buffers(std::span<const Lifetime> buffers) {
  std::vector<size_t> order(buffers.size());
  std::iota(order.begin(), order.end(), size_t(0));
  std::ranges::stable_sort(
      order, [&](size_t a, size_t b) { return buffers[a].bytes > buffers[b].bytes; });

  MemoryPlan plan{.offsets = std::vector<size_t>(buffers.size())};
  std::vector<size_t> placed;  // by offset
  for (size_t i : order) {
    const Lifetime& b = buffers[i];
    size_t offset = 0;
    for (size_t j : placed) {
      const Lifetime& other = buffers[j];
      if (other.last < b.first || b.last < other.first) continue;
      if (offset + rounded(b.bytes) <= plan.offsets[j]) break;
      offset = std::max(offset, plan.offsets[j] + rounded(other.bytes));
    }
    plan.offsets[i] = offset;
    plan.bytes = std::max(plan.bytes, offset + rounded(b.bytes));
    auto by_offset = [&](size_t a, size_t c) { return plan.offsets[a] < plan.offsets[c]; };
    placed.insert(std::ranges::upper_bound(placed, i, by_offset), i);
  }
  return plan;
}

}  // namespace fovea::graph
