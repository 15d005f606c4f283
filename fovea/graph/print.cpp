#include "fovea/graph/print.h"

#include <map>

#include <fmt/format.h>

#include "fovea/core/node.h"

namespace fovea::graph {

namespace {

// Nodes in the order they run, numbered from 1.
struct Numbered {
  std::vector<std::shared_ptr<Node>> nodes;
  std::map<const Node*, size_t> number;

  explicit Numbered(std::span<const Tensor> outputs) : nodes(reachable(outputs)) {
    for (size_t i = 0; i < nodes.size(); ++i) number[nodes[i].get()] = i + 1;
  }
  // 0 for a leaf, or what has run.
  size_t of(const Tensor& t) const {
    auto it = number.find(t.node().get());
    return it == number.end() ? 0 : it->second;
  }
};

std::string shapes_of(const Node& node) {
  std::string text;
  for (const Node::Output& out : node.outputs)
    text += fmt::format("{}{}", text.empty() ? "" : " ", out.spec.shape.str());
  return text;
}

}  // namespace

std::string print(std::span<const Tensor> outputs) {
  Numbered graph(outputs);
  std::string text;
  for (const auto& node : graph.nodes) {
    std::string inputs;
    for (const Tensor& t : node->inputs) {
      size_t n = graph.of(t);
      inputs += inputs.empty() ? " <- " : ", ";
      inputs += n == 0 ? t.str() : fmt::format("%{}", n);
      if (n != 0 && t.value()->output != 0) inputs += fmt::format(".{}", t.value()->output);
    }
    text += fmt::format(
        "%{} {} {}{}{}\n",
        graph.number[node.get()],
        node->primitive->name(),
        shapes_of(*node),
        inputs,
        node->path && !node->path->empty() ? "   in " + *node->path : "");
  }
  return text;
}

std::string to_dot(std::span<const Tensor> outputs, const PrintOptions& o) {
  Numbered graph(outputs);
  std::string text = "digraph {\n  rankdir=BT; node [fontname=\"sans-serif\", fontsize=11];\n";
  std::map<const Value*, size_t> leaves;
  for (const auto& node : graph.nodes) {
    size_t n = graph.number[node.get()];
    std::string path = node->path && !node->path->empty() ? "\\n" + *node->path : "";
    text += fmt::format(
        "  n{} [label=\"{}\\n{}{}\"];\n", n, node->primitive->name(), shapes_of(*node), path);
    for (const Tensor& t : node->inputs) {
      if (size_t from = graph.of(t)) {
        text += fmt::format("  n{} -> n{};\n", from, n);
      } else if (o.leaves) {
        auto [it, fresh] = leaves.emplace(t.value().get(), leaves.size() + 1);
        if (fresh) text += fmt::format("  l{} [shape=box, label=\"{}\"];\n", it->second, t.str());
        text += fmt::format("  l{} -> n{};\n", it->second, n);
      }
    }
  }
  return text + "}\n";
}

}  // namespace fovea::graph
