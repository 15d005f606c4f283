#include "fovea/onnx/graph.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "fovea/core/errors.h"
#include "fovea/core/eval.h"
#include "fovea/graph/plan_state.h"
#include "fovea/onnx/runner.h"

namespace fovea::onnx {

namespace {

constexpr int64_t newest_opset = 28;

// The dtypes that the operators compute with.
bool is_served(Dtype t) { return t != Dtype::f16 && t != Dtype::bf16; }

struct WeightPlace {
  std::string_view op;
  size_t first, last;  // of the inputs that are trained
};
constexpr WeightPlace weight_places[] = {
    {"Conv", 1, 2},
    {"ConvTranspose", 1, 2},
    {"Gemm", 1, 2},
    {"MatMul", 0, 1},
    {"Add", 0, 1},
    {"BatchNormalization", 1, 2},
    {"InstanceNormalization", 1, 2},
    {"GroupNormalization", 1, 2},
    {"LayerNormalization", 1, 2},
    {"PRelu", 1, 1},
};

// What speaks against one node, without knowing any shape.
std::vector<std::string> complaints(const formats::OnnxNode& node, int64_t opset) {
  std::vector<std::string> found;
  if (!node.domain.empty())
    return {fmt::format("{}: operators of the domain {}", node.str(), node.domain)};
  const Operator* row = find_operator(node.op);
  if (!row) return {fmt::format("{}: the operator {}", node.str(), node.op)};
  if (opset < row->since)
    found.push_back(
        fmt::format("{}: version {} of the operator; from {} on", node.str(), opset, row->since));
  const std::string known = fmt::format(" {} ", row->attributes);
  for (const auto& [name, a] : node.attributes)
    if (known.find(fmt::format(" {} ", name)) == std::string::npos)
      found.push_back(fmt::format("{}: attribute {}", node.str(), name));
  return found;
}

}  // namespace

Graph::Graph(formats::OnnxModel model) : model_(std::move(model)) {
  hold_constants();
  check();
  assign_roles();
}

Graph::~Graph() = default;

// Initializers, and nodes that only give a tensor.
void Graph::hold_constants() {
  for (auto& [name, tensor] : model_.initializers) held_.push_back({name, tensor});
  model_.initializers.clear();
  std::erase_if(model_.nodes, [&](const formats::OnnxNode& node) {
    auto value = node.attributes.find("value");
    if (node.op != "Constant" || !node.domain.empty() || value == node.attributes.end() ||
        value->second.tensor.is_empty() || node.outputs.size() != 1)
      return false;
    held_.push_back({node.outputs[0], value->second.tensor});
    return true;
  });
}

void Graph::assign_roles() {
  std::map<std::string, Held*> by_name;
  for (Held& h : held_) by_name[h.name] = &h;
  for (const formats::OnnxNode& node : model_.nodes) {
    auto give = [&](size_t i, Role role) {
      if (i >= node.inputs.size()) return;
      auto it = by_name.find(node.inputs[i]);
      if (it == by_name.end() || it->second->tensor.dtype() != Dtype::f32) return;
      Held& h = *it->second;
      if (role == Role::param && node.op == "Add" && h.tensor.numel() == 1) return;
      if (h.role == Role::constant) h.role = role;
      const bool filters = i == 1 && (node.op == "Conv" || node.op == "ConvTranspose");
      if (filters && h.tensor.rank() == 4 && !h.last) {
        h.tensor = to_last(h.tensor).eval();
        h.last = true;
      }
    };
    for (const WeightPlace& place : weight_places)
      if (place.op == node.op)
        for (size_t i = place.first; i <= place.last; ++i) give(i, Role::param);
    if (node.op == "BatchNormalization")
      for (size_t i : {3u, 4u}) give(i, Role::state);
  }
}

void Graph::check() const {
  std::vector<std::string> refused = model_.refused;
  if (model_.opset() < 1 || model_.opset() > newest_opset)
    refused.push_back(fmt::format(
        "version {} of the operators; fovea knows 1 to {}", model_.opset(), newest_opset));
  for (const Held& h : held_)
    if (!is_served(h.tensor.dtype()))
      refused.push_back(fmt::format(
          "tensor \"{}\" of type {}; convert the model to float32", h.name, h.tensor.str()));
  for (const formats::OnnxValue& v : model_.inputs)
    if (!v.dtype || !is_served(*v.dtype))
      refused.push_back(fmt::format("input \"{}\" of type {}", v.name, v.type));
  for (const formats::OnnxNode& node : model_.nodes)
    std::ranges::copy(complaints(node, model_.opset()), std::back_inserter(refused));
  const auto fail = [&] {
    throw UnsupportedError(fmt::format("not supported: {}", fmt::join(refused, "; ")));
  };
  if (!refused.empty()) fail();

  std::set<std::string> made;
  for (const Held& h : held_) made.insert(h.name);
  for (const formats::OnnxValue& v : model_.inputs) made.insert(v.name);
  for (const formats::OnnxNode& node : model_.nodes) {
    for (const std::string& name : node.inputs)
      if (!name.empty() && !made.contains(name))
        throw std::invalid_argument(
            fmt::format("{}: nothing before it makes \"{}\"", node.str(), name));
    made.insert(node.outputs.begin(), node.outputs.end());
  }
  for (const formats::OnnxValue& v : model_.outputs)
    if (!made.contains(v.name))
      throw std::invalid_argument(fmt::format("nothing makes the output \"{}\"", v.name));

  // With shapes known but for the batch, the operators themselves say what they cannot do.
  EvalModeScope lazy(EvalMode::lazy);
  nn::Ctx ctx;
  Runner runner(*this, ctx);
  for (const formats::OnnxValue& v : model_.inputs) {
    if (!v.shape || v.shape->size() > size_t(Shape::max_rank)) continue;
    std::vector<int64_t> extents = *v.shape;
    if (!extents.empty() && extents[0] < 0) extents[0] = 1;
    if (std::ranges::any_of(extents, [](int64_t n) { return n < 0 || n > 1 << 24; })) continue;
    runner.set(v.name, {graph::unbound({Shape(extents), *v.dtype}, default_device())});
  }
  refused = runner.dry_run();
  if (!refused.empty()) fail();
}

void Graph::visit(Visitor& v) {
  for (Held& h : held_) {
    const auto layout = h.last ? nn::Layout::conv : nn::Layout::plain;
    if (h.role == Role::param) v.param(h.name, h.tensor, {.layout = layout});
    if (h.role == Role::state) v.state(h.name, h.tensor);
  }
}

Tensor Graph::forward(const Tensor& x, nn::Ctx& ctx) const {
  if (model_.inputs.size() != 1 || model_.outputs.size() != 1)
    throw std::invalid_argument(fmt::format(
        "[onnx] expected a graph of one input and one output, got {} and {}; use run()",
        model_.inputs.size(),
        model_.outputs.size()));
  Runner runner(*this, ctx);
  runner.set(model_.inputs[0].name, {x, x.rank() == 4});
  runner.run();
  const Value& y = runner.at(model_.outputs[0].name);
  return y.rank() == 4 ? y.images() : y.plain();
}

std::vector<Tensor> Graph::run(std::span<const Tensor> inputs, nn::Ctx& ctx) const {
  if (inputs.size() != model_.inputs.size())
    throw std::invalid_argument(
        fmt::format("[onnx] expected {} inputs, got {}", model_.inputs.size(), inputs.size()));
  Runner runner(*this, ctx);
  for (size_t i = 0; i < inputs.size(); ++i) {
    const formats::OnnxValue& v = model_.inputs[i];
    if (inputs[i].dtype() != *v.dtype || (v.shape && int(v.shape->size()) != inputs[i].rank()))
      throw std::invalid_argument(fmt::format(
          "[onnx] input \"{}\": expected {} of {} axes, got {}",
          v.name,
          v.type,
          v.shape ? v.shape->size() : 0,
          inputs[i].str()));
    runner.set(v.name, {inputs[i]});
  }
  runner.run();
  std::vector<Tensor> out;
  for (const formats::OnnxValue& v : model_.outputs) out.push_back(runner.at(v.name).plain());
  return out;
}

std::vector<Tensor> Graph::run(std::span<const Tensor> inputs) const {
  nn::Ctx ctx;
  return run(inputs, ctx);
}

std::unique_ptr<Graph> build(formats::OnnxModel model, const std::string& name) {
  try {
    return std::make_unique<Graph>(std::move(model));
  } catch (const UnsupportedError& e) {
    throw UnsupportedError(fmt::format("{}: {}", name, e.what()));
  } catch (const std::invalid_argument& e) {
    throw IoError(name, fmt::format("not a sound graph: {}", e.what()));
  }
}

std::unique_ptr<Graph> load(const std::string& path) {
  return build(formats::read_onnx(path), path);
}

std::unique_ptr<Graph> parse(std::span<const std::byte> bytes, const std::string& name) {
  return build(formats::parse_onnx(bytes, name), name);
}

}  // namespace fovea::onnx
