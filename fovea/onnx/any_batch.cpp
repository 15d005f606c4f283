#include "fovea/onnx/any_batch.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "fovea/core/eval.h"
#include "fovea/ops/random.h"
#include "fovea/ops/slice.h"

namespace fovea::onnx {

namespace {

// Targets that begin with 1 begin with 0, which keeps the batch.
void free_targets(formats::OnnxModel& m) {
  std::map<std::string, Tensor> freed;
  auto look_at = [&](const std::string& name, const Tensor& t) {
    if (t.is_empty() || t.dtype() != Dtype::i64 || t.rank() != 1 || t.numel() < 2) return;
    const auto extents = t.data<int64_t>();
    std::vector<int64_t> changed(extents.begin(), extents.end());
    if (changed[0] != 1) return;
    changed[0] = 0;
    freed[name] = Tensor::from<int64_t>(changed, t.shape());
  };
  for (const auto& [name, t] : m.initializers) look_at(name, t);
  for (const formats::OnnxNode& node : m.nodes)
    if (auto value = node.attributes.find("value");
        node.op == "Constant" && node.outputs.size() == 1 && value != node.attributes.end())
      look_at(node.outputs[0], value->second.tensor);
  std::map<std::string, Tensor> added;
  for (formats::OnnxNode& node : m.nodes) {
    if (node.op != "Reshape" || node.inputs.size() < 2) continue;
    auto it = freed.find(node.inputs[1]);
    if (it == freed.end()) continue;
    // By allowzero 0 is an extent of 0. Where the target has none the attribute says nothing.
    if (auto allowzero = node.attributes.find("allowzero");
        allowzero != node.attributes.end() && allowzero->second.integer != 0) {
      if (std::ranges::count(it->second.data<int64_t>(), 0) > 1) continue;
      node.attributes.erase(allowzero);
    }
    node.inputs[1] = it->first + ".any_batch";
    added[node.inputs[1]] = it->second;
  }
  for (const auto& [name, t] : added) m.initializers.emplace_back(name, t);
}

// Whether `many` gives for two pictures at once what `one` gives for each.
bool is_same(const Graph& one, const Graph& many, const Shape& image) {
  const Tensor x = random_normal({2, image[0], image[1], image[2]}, Key{11}).eval();
  nn::Ctx ctx;
  const Tensor both = nn::forward(many, x, ctx);
  if (both.rank() != 2 || both.dim(0) != 2) return false;
  const std::vector<double> got = both.to_doubles();
  std::vector<double> expected;
  for (int64_t i = 0; i < 2; ++i) {
    nn::Ctx own;
    for (double v : nn::forward(one, slice(x, 0, {.start = i, .stop = i + 1}), own).to_doubles())
      expected.push_back(v);
  }
  double largest = 1e-12;
  for (double v : expected) largest = std::max(largest, std::abs(v));
  return std::ranges::equal(
      got, expected, [&](double a, double b) { return std::abs(a - b) <= 1e-4 * largest; });
}

}  // namespace

std::optional<formats::OnnxModel> with_any_batch(
    const formats::OnnxModel& m, const Graph& net, const Shape& image) {
  formats::OnnxModel any = m;
  (*any.inputs[0].shape)[0] = -1;
  any.outputs[0].shape.reset();
  free_targets(any);
  try {
    if (is_same(net, Graph(any), image)) return any;
  } catch (const std::invalid_argument&) {
  } catch (const UnsupportedError&) {
  }
  return {};
}

}  // namespace fovea::onnx
