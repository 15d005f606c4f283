#include "fovea/onnx/prepare.h"

#include <algorithm>
#include <map>
#include <set>

#include "fovea/ops/elementwise.h"

namespace fovea::onnx {

namespace {

using formats::OnnxNode;

void widen(Tensor& t) {
  if (!t.is_empty() && is_half(t.dtype())) t = cast(t, Dtype::f32).eval();
}

void sort(std::vector<OnnxNode>& nodes) {
  std::map<std::string, size_t> makers;
  for (size_t i = 0; i < nodes.size(); ++i)
    for (const std::string& name : nodes[i].outputs)
      if (!name.empty() && !makers.emplace(name, i).second) return;  // made twice: not sound
  std::vector<size_t> missing(nodes.size(), 0);                      // inputs that are not made yet
  std::vector<std::vector<size_t>> readers(nodes.size());
  bool sorted = true;
  for (size_t i = 0; i < nodes.size(); ++i)
    for (const std::string& name : nodes[i].inputs)
      if (auto it = makers.find(name); it != makers.end()) {
        ++missing[i];
        readers[it->second].push_back(i);
        sorted = sorted && it->second < i;
      }
  if (sorted) return;
  std::set<size_t> ready;
  for (size_t i = 0; i < nodes.size(); ++i)
    if (missing[i] == 0) ready.insert(i);
  std::vector<size_t> order;
  while (!ready.empty()) {
    const size_t next = *ready.begin();
    ready.erase(ready.begin());
    order.push_back(next);
    for (size_t reader : readers[next])
      if (--missing[reader] == 0) ready.insert(reader);
  }
  if (order.size() != nodes.size()) return;
  std::vector<OnnxNode> moved;
  for (size_t i : order) moved.push_back(std::move(nodes[i]));
  nodes = std::move(moved);
}

}  // namespace

bool is_half(Dtype t) { return t == Dtype::f16 || t == Dtype::bf16; }

void prepare(formats::OnnxModel& m) {
  for (auto& [name, tensor] : m.initializers) widen(tensor);
  for (OnnxNode& node : m.nodes)
    for (auto& [name, a] : node.attributes) widen(a.tensor);
  sort(m.nodes);
}

}  // namespace fovea::onnx
