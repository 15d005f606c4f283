#include "fovea/onnx/graph.h"

#include <algorithm>
#include <array>
#include <set>

#include <fmt/format.h>

#include "fovea/core/errors.h"
#include "fovea/core/eval.h"
#include "fovea/graph/plan_state.h"
#include "fovea/onnx/faults.h"
#include "fovea/onnx/names.h"
#include "fovea/onnx/prepare.h"
#include "fovea/onnx/runner.h"

namespace fovea::onnx {

namespace {

constexpr int64_t newest_opset = 28;

// Inputs of an operator that hold weights, from `first` on, and what PyTorch calls them.
struct WeightPlace {
  std::string_view op;
  size_t first;
  std::array<std::string_view, 4> names;
};
constexpr WeightPlace weight_places[] = {
    {"Conv", 1, {"weight", "bias"}},
    {"ConvTranspose", 1, {"weight", "bias"}},
    {"Gemm", 1, {"weight", "bias"}},
    {"MatMul", 0, {"weight", "weight"}},
    {"Add", 0, {"bias", "bias"}},
    {"BatchNormalization", 1, {"weight", "bias", "running_mean", "running_var"}},
    {"InstanceNormalization", 1, {"weight", "bias"}},
    {"GroupNormalization", 1, {"weight", "bias"}},
    {"LayerNormalization", 1, {"weight", "bias"}},
    {"PRelu", 1, {"weight"}},
};

// What input i of a node is called if it holds a weight; else "".
std::string_view weight_name(const formats::OnnxNode& node, size_t i) {
  for (const WeightPlace& place : weight_places)
    if (place.op == node.op)
      return i < place.first || i - place.first >= place.names.size()
                 ? std::string_view()
                 : place.names[i - place.first];
  return {};
}

// How a weight begins that is not read: as nn::Linear and nn::BatchNorm have it.
nn::Init init_of(const std::string& name, const Tensor& t) {
  if (t.rank() > 1) return nn::lecun_uniform();
  return nn::constant(name.ends_with(".weight") ? 1 : 0);
}

bool is_statistic(std::string_view name) { return name.starts_with("running_"); }

}  // namespace

Graph::Graph(formats::OnnxModel model) : model_(std::move(model)) {
  prepare(model_);
  hold_constants();
  assign_roles();
  name_modules();
  check();
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
  for (const formats::OnnxNode& node : model_.nodes)
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      const std::string_view name = weight_name(node, i);
      auto it = by_name.find(node.inputs[i]);
      if (name.empty() || it == by_name.end() || it->second->tensor.dtype() != Dtype::f32) continue;
      Held& h = *it->second;
      if (node.op == "Add" && h.tensor.numel() == 1) continue;
      if (h.role == Role::constant) h.role = is_statistic(name) ? Role::state : Role::param;
      const bool filters = i == 1 && (node.op == "Conv" || node.op == "ConvTranspose");
      if (filters && h.tensor.rank() == 4 && !h.last) {
        const bool has_values = h.tensor.is_evaluated();
        h.tensor = to_last(h.tensor);
        if (has_values) h.tensor.eval();
        h.last = true;
      }
    }
}

void Graph::name_modules() {
  std::set<std::string> weights, taken;
  for (const Held& h : held_) {
    taken.insert(h.name);
    if (h.role != Role::constant) weights.insert(h.name);
  }
  for (const formats::OnnxNode& node : model_.nodes)
    taken.insert(node.outputs.begin(), node.outputs.end());
  std::map<std::string, std::string> renamed;
  auto name_now = [&](const std::string& name) {
    auto it = renamed.find(name);
    return it == renamed.end() ? name : it->second;
  };

  std::string owner;
  for (const formats::OnnxNode& node : model_.nodes) {
    std::vector<std::pair<std::string, std::string>> own;  // names in the file, and ".weight"
    std::string path;
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      if (weight_name(node, i).empty() || !weights.contains(node.inputs[i])) continue;
      own.emplace_back(node.inputs[i], fmt::format(".{}", weight_name(node, i)));
      const std::string now = name_now(node.inputs[i]);
      if (path.empty() && now.ends_with(own.back().second))
        path = now.substr(0, now.size() - own.back().second.size());
    }
    if (path.empty()) path = module_path(node, !own.empty());
    auto is_free = [&](const std::string& p) {
      return std::ranges::none_of(own, [&](const auto& w) {
        return !name_now(w.first).ends_with(w.second) && taken.contains(p + w.second);
      });
    };
    std::string below = path;
    for (int k = 2; !is_free(below); ++k) below = fmt::format("{}_{}", path, k);
    for (const auto& [name, what] : own) {
      if (name_now(name).ends_with(what)) continue;
      renamed[name] = below + what;
      taken.insert(below + what);
    }
    if (!own.empty()) owner = below;
    places_.push_back({below, owner});
  }

  for (Held& h : held_) h.name = name_now(h.name);
  for (formats::OnnxNode& node : model_.nodes)
    for (std::string& name : node.inputs) name = name_now(name);
  for (formats::OnnxValue& v : model_.outputs) v.name = name_now(v.name);
}

formats::OnnxModel Graph::without_weights() const {
  formats::OnnxModel m = model_;
  m.metadata.clear();
  for (const Held& h : held_) {
    if (h.role == Role::constant) {
      m.initializers.emplace_back(h.name, h.tensor);
      continue;
    }
    const Shape shape = Value{h.tensor, h.last}.shape();
    m.inputs.push_back(
        {h.name, "f32", Dtype::f32, std::vector<int64_t>(shape.begin(), shape.end())});
  }
  // What the reader could not represent, and no operator here reads.
  using Type = formats::OnnxAttribute::Type;
  for (formats::OnnxNode& node : m.nodes)
    std::erase_if(node.attributes, [](const auto& a) {
      return a.second.type == Type::none || a.second.type == Type::other;
    });
  return m;
}

void Graph::check() const {
  Faults refused;
  for (const formats::OnnxFault& f : model_.refused) refused.add(f);
  if (model_.opset() < 1 || model_.opset() > newest_opset)
    refused.add(
        {fmt::format("version {} of the operators", model_.opset()),
         fmt::format("; fovea knows 1 to {}", newest_opset)});
  for (const formats::OnnxValue& v : model_.inputs)
    if (!v.dtype || is_half(*v.dtype))
      refused.add({fmt::format("input \"{}\"", v.name), fmt::format(" of type {}", v.type)});
  for (const formats::OnnxValue& v : model_.outputs)
    if (v.dtype && is_half(*v.dtype))
      refused.add({fmt::format("output \"{}\"", v.name), fmt::format(" of type {}", v.type)});
  for (const formats::OnnxNode& node : model_.nodes) find_faults(node, model_.opset(), refused);
  const auto fail = [&] {
    throw UnsupportedError(fmt::format("not supported: {}", refused.str()));
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
    if (h.role == Role::param)
      v.param(h.name, h.tensor, {.layout = layout, .init = init_of(h.name, h.tensor)});
    if (h.role == Role::state) v.state(h.name, h.tensor);
  }
}

bool channels_last(const formats::OnnxValue& input) {
  auto are_channels = [](int64_t n) { return n == 1 || n == 3; };
  return input.shape && input.shape->size() == 4 && !are_channels((*input.shape)[1]) &&
         are_channels((*input.shape)[3]);
}

Tensor Graph::forward(const Tensor& x, nn::Ctx& ctx) const {
  if (model_.inputs.size() != 1 || model_.outputs.size() != 1)
    throw std::invalid_argument(fmt::format(
        "[onnx] expected a graph of one input and one output, got {} and {}; use run()",
        model_.inputs.size(),
        model_.outputs.size()));
  const bool images = x.rank() == 4 && !channels_last(model_.inputs[0]);
  Runner runner(*this, ctx);
  runner.set(model_.inputs[0].name, {x, images});
  runner.run();
  const Value& y = runner.at(model_.outputs[0].name);
  return images && y.rank() == 4 ? y.images() : y.plain();
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
