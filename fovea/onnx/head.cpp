#include "fovea/onnx/head.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "fovea/nn/module.h"
#include "fovea/onnx/emit.h"
#include "fovea/onnx/names.h"
#include "fovea/ops/create.h"
#include "fovea/ops/elementwise.h"
#include "fovea/ops/shape.h"

namespace fovea::onnx {

namespace {

using formats::OnnxModel;
using formats::OnnxNode;

const Tensor* constant_of(const OnnxModel& m, const std::string& name) {
  for (const auto& [held, tensor] : m.initializers)
    if (held == name) return &tensor;
  for (const OnnxNode& node : m.nodes) {
    auto value = node.attributes.find("value");
    if (node.op == "Constant" && node.outputs.size() == 1 && node.outputs[0] == name &&
        value != node.attributes.end() && !value->second.tensor.is_empty())
      return &value->second.tensor;
  }
  return nullptr;
}

std::optional<size_t> maker_of(const OnnxModel& m, const std::string& value) {
  for (size_t i = 0; i < m.nodes.size(); ++i)
    if (std::ranges::find(m.nodes[i].outputs, value) != m.nodes[i].outputs.end()) return i;
  return {};
}

bool is_layer(const OnnxNode& node) {
  return node.op == "Gemm" || node.op == "MatMul" || node.op == "Conv";
}

int64_t integer(const OnnxNode& node, const char* attribute, int64_t otherwise) {
  auto it = node.attributes.find(attribute);
  return it == node.attributes.end() ? otherwise : it->second.integer;
}

double number(const OnnxNode& node, const char* attribute, double otherwise) {
  auto it = node.attributes.find(attribute);
  return it == node.attributes.end() ? otherwise : double(it->second.number);
}

bool is_plain(const OnnxModel& m, const Head& h, const std::string& output) {
  const OnnxNode& node = m.nodes[h.node];
  if (node.op != "Gemm" || integer(node, "transB", 0) == 0 || number(node, "alpha", 1) != 1 ||
      number(node, "beta", 1) != 1 || h.bias.empty())
    return false;
  return constant_of(m, h.bias)->shape() == Shape{h.classes} && node.outputs[0] == output &&
         h.weight.ends_with(".weight") &&
         h.bias == h.weight.substr(0, h.weight.size() - 6) + "bias";
}

// The output of the graph, made by a plain linear layer of these weights on `input`.
void end_with(
    OnnxModel& m,
    const std::string& input,
    const std::string& module,
    const Tensor& weight,
    const Tensor& bias) {
  OnnxNode node;
  node.op = "Gemm";
  node.name = module;
  node.inputs = {input, module + ".weight", module + ".bias"};
  node.outputs = {module + ".scores"};
  node.attributes["transB"] = attribute(int64_t{1});
  std::erase_if(m.initializers, [&](const auto& held) {
    return held.first == node.inputs[1] || held.first == node.inputs[2];
  });
  m.initializers.emplace_back(node.inputs[1], weight);
  m.initializers.emplace_back(node.inputs[2], bias);
  m.outputs[0].name = node.outputs[0];
  m.outputs[0].shape = {-1, weight.dim(0)};
  m.nodes.push_back(std::move(node));

  // What nobody reads any more goes.
  std::set<std::string> read{m.outputs[0].name};
  std::vector<OnnxNode> kept;
  for (auto old = m.nodes.rbegin(); old != m.nodes.rend(); ++old) {
    size_t wanted = 0;
    for (const std::string& o : old->outputs) wanted += read.erase(o);
    if (wanted == 0) continue;
    read.insert(old->inputs.begin(), old->inputs.end());
    kept.push_back(std::move(*old));
  }
  std::ranges::reverse(kept);
  m.nodes = std::move(kept);
  std::erase_if(m.initializers, [&](const auto& held) { return !read.contains(held.first); });
}

// `path` for the new head or, where another layer than the old one reads weights of that name,
// "head", "head_2" and so on.
std::string free_path(const OnnxModel& m, const Head& h, std::string path) {
  auto is_taken = [&] {
    for (size_t i = 0; i < m.nodes.size(); ++i)
      for (const std::string& input : m.nodes[i].inputs)
        if (i != h.node && (input == path + ".weight" || input == path + ".bias")) return true;
    return false;
  };
  for (int i = 1; is_taken(); ++i) path = i == 1 ? "head" : fmt::format("head_{}", i);
  return path;
}

}  // namespace

std::optional<Head> find_head(const OnnxModel& m, std::string* why) {
  static const std::set<std::string_view> moves{
      "Identity", "Dropout", "Flatten", "Reshape", "Squeeze", "Unsqueeze"};
  static const std::set<std::string_view> keeps{
      "Softmax",
      "LogSoftmax",
      "Relu",
      "Clip",
      "Sigmoid",
      "Transpose",
      "GlobalAveragePool",
      "GlobalMaxPool",
      "AveragePool",
      "MaxPool",
      "ReduceMean",
      "ReduceMax"};
  auto refuse = [&](const std::string& reason) {
    if (why) *why = reason;
    return std::optional<Head>();
  };
  Head h{.is_output = true};
  std::string value = m.outputs[0].name, output = value, bias;
  for (size_t after = m.nodes.size();;) {
    const auto index = maker_of(m, value);
    if (!index || *index >= after)
      return refuse(fmt::format("no layer with weights gives \"{}\"", output));
    after = *index;
    const OnnxNode& node = m.nodes[*index];
    const Tensor* weight =
        is_layer(node) && node.inputs.size() > 1 ? constant_of(m, node.inputs[1]) : nullptr;
    if (weight && weight->rank() >= 2) {
      if (node.op != "Conv" && (weight->rank() != 2 || integer(node, "transA", 0) != 0))
        return refuse(fmt::format("{} multiplies otherwise than a linear layer", node.str()));
      const bool outputs_first =
          node.op == "Conv" || (node.op == "Gemm" && integer(node, "transB", 0));
      h.node = *index;
      h.input = node.inputs[0];
      h.weight = node.inputs[1];
      h.bias = node.inputs.size() > 2 && !node.inputs[2].empty() ? node.inputs[2] : bias;
      h.linear = node.op != "Conv";
      h.classes = weight->dim(outputs_first ? 0 : -1);
      const int64_t groups = node.op == "Conv" ? integer(node, "group", 1) : 1;
      if (groups < 1 || groups > weight->dim(0))
        return refuse(fmt::format("{} has {} groups", node.str(), groups));
      h.features = outputs_first ? weight->dim(1) * groups : weight->dim(-2);
      if (!h.bias.empty() && !constant_of(m, h.bias))
        return refuse(fmt::format("{} adds what is computed", node.str()));
      // A bias behind a layer that has one already.
      if (!bias.empty() && h.bias != bias) h.is_output = false;
      h.plain = h.is_output && is_plain(m, h, output);
      return h;
    }
    if (node.op == "Add" && node.inputs.size() == 2) {
      const bool second = constant_of(m, node.inputs[1]);
      const std::string& added = node.inputs[second ? 1 : 0];
      if (!constant_of(m, added)) return refuse(fmt::format("{} adds two results", node.str()));
      if (!bias.empty()) h.is_output = false;
      bias = added;
      value = node.inputs[second ? 0 : 1];
      continue;
    }
    if (node.inputs.empty() || (!moves.contains(node.op) && !keeps.contains(node.op)))
      return refuse(fmt::format("{} comes before any layer with weights", node.str()));
    if (keeps.contains(node.op)) h.is_output = false;
    value = node.inputs[0];
  }
}

std::string head_input(const OnnxModel& m) {
  for (auto node = m.nodes.rbegin(); node != m.nodes.rend(); ++node) {
    if (node->inputs.size() < 2 || !constant_of(m, node->inputs[1])) continue;
    if (node->op == "BatchNormalization" || node->op == "ConvTranspose") return "";
    if (!is_layer(*node)) continue;
    const std::string& x = node->inputs[0];
    return x == m.inputs[0].name ? "" : x;
  }
  return "";
}

void make_plain(OnnxModel& m, const Head& h) {
  const OnnxNode node = m.nodes[h.node];
  const bool turned = node.op == "Gemm" && integer(node, "transB", 0);
  Tensor weight = *constant_of(m, h.weight);
  if (!turned) weight = transpose(weight, {1, 0});
  weight = weight * number(node, "alpha", 1);
  Tensor bias = zeros({h.classes});
  if (!h.bias.empty()) {
    const Tensor& added = *constant_of(m, h.bias);
    const bool own = node.inputs.size() > 2 && node.inputs[2] == h.bias;
    bias = bias + reshape(added, {added.numel()}) * (own ? number(node, "beta", 1) : 1);
  }
  end_with(m, h.input, free_path(m, h, module_path(node, true)), weight.eval(), bias.eval());
}

void replace_head(OnnxModel& m, const Head& h, int64_t classes) {
  std::string input = h.input;
  const std::string module =
      free_path(m, h, h.plain ? h.weight.substr(0, h.weight.rfind('.')) : "head");
  if (!h.linear) {
    for (const char* op : {"GlobalAveragePool", "Flatten"}) {
      OnnxNode node;
      node.op = op;
      node.name = module + "." + op;
      node.inputs = {input};
      node.outputs = {node.name};
      input = node.name;
      m.nodes.push_back(std::move(node));
    }
  }
  end_with(m, input, module, nn::shaped({classes, h.features}), nn::shaped({classes}));
}

}  // namespace fovea::onnx
