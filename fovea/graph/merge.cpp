#include "fovea/graph/merge.h"

#include <algorithm>
#include <unordered_map>

#include "fovea/core/node.h"

namespace fovea::graph {

namespace {

// Leaves are told apart by identity, computed values by producer and output.
using Place = std::pair<const void*, int>;

Place place_of(const Tensor& t) {
  const auto& node = t.node();
  return node ? Place{node.get(), t.value()->output} : Place{t.value().get(), -1};
}

size_t hash_of(const Node& node) {
  size_t h = node.primitive->hash() * 31 + size_t(node.device.kind);
  for (const Tensor& t : node.inputs) {
    Place p = place_of(t);
    h = h * 1000003 + std::hash<const void*>()(p.first) + size_t(p.second + 1);
  }
  return h;
}

bool equal(const Node& a, const Node& b) {
  if (a.inputs.size() != b.inputs.size() || !(a.device == b.device) ||
      !a.primitive->same(*b.primitive))
    return false;
  for (size_t i = 0; i < a.inputs.size(); ++i)
    if (place_of(a.inputs[i]) != place_of(b.inputs[i])) return false;
  return true;
}

}  // namespace

int merge_equal(std::span<Tensor> outputs) {
  auto nodes = reachable(outputs);
  std::unordered_map<const Node*, std::shared_ptr<Node>> replaced;
  std::unordered_multimap<size_t, std::shared_ptr<Node>> seen;
  auto redirect = [&](Tensor& t) {
    if (t.is_empty() || !t.node()) return;
    auto it = replaced.find(t.node().get());
    if (it != replaced.end()) t = Node::output(it->second, t.value()->output);
  };
  for (const auto& node : nodes) {
    for (Tensor& t : node->inputs) redirect(t);
    size_t h = hash_of(*node);
    auto [begin, end] = seen.equal_range(h);
    auto same =
        std::find_if(begin, end, [&](const auto& entry) { return equal(*entry.second, *node); });
    if (same != end)
      replaced[node.get()] = same->second;
    else
      seen.emplace(h, node);
  }
  for (Tensor& t : outputs) redirect(t);
  return int(replaced.size());
}

}  // namespace fovea::graph
