#include "fovea/core/node.h"

#include <algorithm>
#include <unordered_set>

#include "fovea/core/errors.h"

namespace fovea {

namespace {

thread_local std::shared_ptr<const std::string> path;
thread_local int trace_depth = 0;

// Handles that destructors further up this thread's stack are still to let go of.
thread_local std::vector<Tensor>* pending = nullptr;

}  // namespace

Node::~Node() {
  if (inputs.empty()) return;
  if (pending) {
    std::move(inputs.begin(), inputs.end(), std::back_inserter(*pending));
    return;
  }
  std::vector<Tensor> work = std::move(inputs);
  pending = &work;
  while (!work.empty()) {
    Tensor last = std::move(work.back());  // may destroy a node, which adds to `work`
    work.pop_back();
  }
  pending = nullptr;
}

Tensor Node::output(const std::shared_ptr<Node>& node, int i) {
  Output& out = node->outputs[i];
  if (auto held = out.value.lock()) return Tensor(held);
  FOVEA_ASSERT(!node->done || out.storage);
  auto value = std::make_shared<Value>();
  value->spec = out.spec;
  value->device = node->device;
  value->storage = out.storage;
  value->offset = out.offset;
  value->node = node;
  value->output = i;
  value->traced = node->traced;
  out.value = value;
  return Tensor(value);
}

std::vector<std::shared_ptr<Node>> reachable(std::span<const Tensor> roots, bool through_done) {
  std::vector<std::shared_ptr<Node>> found;
  std::unordered_set<const Node*> seen;
  auto visit = [&](const Tensor& t) {
    if (t.is_empty()) return;
    const auto& node = t.node();
    if (!node || (node->done && !through_done) || !seen.insert(node.get()).second) return;
    found.push_back(node);
  };
  for (const Tensor& t : roots) visit(t);
  for (size_t i = 0; i < found.size(); ++i) {
    std::shared_ptr<Node> node = found[i];  // `found` may grow and move
    for (const Tensor& t : node->inputs) visit(t);
  }
  std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a->id < b->id; });
  return found;
}

PathScope::PathScope(std::string name) : previous_(std::move(path)) {
  path = std::make_shared<const std::string>(std::move(name));
}
PathScope::PathScope(std::shared_ptr<const std::string> name) : previous_(std::move(path)) {
  path = std::move(name);
}
PathScope::~PathScope() { path = std::move(previous_); }
std::shared_ptr<const std::string> current_path() { return path; }

TraceScope::TraceScope(std::span<const Tensor> leaves) {
  for (const Tensor& t : leaves) t.value()->traced = true;
  ++trace_depth;
}
TraceScope::~TraceScope() { --trace_depth; }
bool TraceScope::active() { return trace_depth > 0; }

}  // namespace fovea
