#include "fovea/onnx/emit.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "fovea/onnx/value.h"
#include "fovea/ops/shape.h"

namespace fovea::onnx {

using Type = formats::OnnxAttribute::Type;

formats::OnnxAttribute attribute(int64_t value) {
  return {.type = Type::integer, .integer = value};
}
formats::OnnxAttribute attribute(double value) {
  return {.type = Type::number, .number = float(value)};
}
formats::OnnxAttribute attribute(const char* value) { return {.type = Type::text, .text = value}; }
formats::OnnxAttribute attribute(std::vector<int64_t> values) {
  return {.type = Type::integers, .integers = std::move(values)};
}

Emitter::Emitter(
    const Tensor& input, const std::map<const fovea::Value*, std::string>& names, int64_t batch)
    : names_(names), batch_(batch) {
  const Shape& s = input.shape();
  found_[input.value().get()] = {"input", s.rank() == 4};
  std::vector<int64_t> shape(s.begin(), s.end());
  if (s.rank() == 4) shape = {-1, s[3], s[1], s[2]};
  shape[0] = -1;
  model_.inputs.push_back({"input", "f32", Dtype::f32, shape});
  model_.opsets[""] = 17;
  used_["input"] = used_["scores"] = 1;
}

std::string Emitter::fresh(const std::string& stem) {
  const int before = used_[stem]++;
  return before == 0 ? stem : fresh(fmt::format("{}_{}", stem, before));
}

std::string Emitter::add(const char* op, std::vector<std::string> inputs, Attributes attributes) {
  formats::OnnxNode node;
  node.op = op;
  node.name = fresh(path_.empty() ? op : fmt::format("{}.{}", path_, op));
  node.inputs = std::move(inputs);
  node.outputs = {node.name};
  node.attributes = std::move(attributes);
  model_.nodes.push_back(node);
  return node.name;
}

std::string Emitter::constant(const std::string& stem, const Tensor& t) {
  const std::string name = fresh(stem);
  model_.initializers.emplace_back(name, t.eval());
  return name;
}

std::string Emitter::integers(const std::vector<int64_t>& values) {
  return constant("shape", Tensor::from<int64_t>(values, {int64_t(values.size())}));
}

std::string Emitter::scalar(double value) {
  return constant("number", Tensor::from<float>({float(value)}, {}));
}

std::string Emitter::plain(const Tensor& t) {
  auto it = found_.find(t.value().get());
  if (it != found_.end()) {
    if (!it->second.first) return it->second.name;
    return add("Transpose", {it->second.name}, {{"perm", attribute({0, 2, 3, 1})}});
  }
  auto named = names_.find(t.value().get());
  const std::string stem = named != names_.end() ? named->second
                           : path_.empty()       ? "constant"
                                                 : path_ + ".constant";
  kept_.push_back(t);
  const std::string name = constant(stem, t);
  found_[t.value().get()] = {name, false};
  return name;
}

std::string Emitter::images(const Tensor& t) {
  auto it = found_.find(t.value().get());
  if (it != found_.end() && it->second.first) return it->second.name;
  if (it == found_.end()) return constant("constant", to_first(t));
  return add("Transpose", {it->second.name}, {{"perm", attribute({0, 3, 1, 2})}});
}

// Weights (O, kh, kw, I) as (O, I, kh, kw), under their own name or that of the module.
std::string Emitter::filters(const Tensor& w) {
  if (!w.is_evaluated()) return images(w);
  auto named = names_.find(w.value().get());
  return constant(named != names_.end() ? named->second : path_ + ".weight", to_first(w));
}

bool Emitter::is_first(const Tensor& t) const {
  auto it = found_.find(t.value().get());
  return it != found_.end() && it->second.first;
}

std::string Emitter::as(const Tensor& t, bool first) {
  if (!first || t.rank() == 0) return plain(t);
  if (t.rank() == 4) return images(t);
  if (found_.contains(t.value().get()) && !names_.contains(t.value().get()) && !t.is_evaluated()) {
    refused_.push_back(fmt::format("{} beside images", t.str()));
    return plain(t);
  }
  Shape shape;
  for (int i = t.rank(); i < 4; ++i) shape.push_back(1);
  for (int64_t extent : t.shape()) shape.push_back(extent);
  return constant(path_ + ".constant", to_first(reshape(t, shape)));
}

void Emitter::give(const Node& node, int output, const std::string& name, bool first) {
  if (auto value = node.outputs[size_t(output)].value.lock()) found_[value.get()] = {name, first};
}

void Emitter::emit(const Node& node) {
  path_ = node.path ? *node.path : "";
  if (!emit_convolution(node) && !emit_unary(node) && !emit_binary(node) && !emit_shape(node) &&
      !emit_parts(node) && !emit_pool(node) && !emit_other(node)) {
    refused_.push_back(fmt::format(
        "{}{}", node.primitive->name(), path_.empty() ? "" : fmt::format(" in {}", path_)));
    for (size_t i = 0; i < node.outputs.size(); ++i)
      give(node, int(i), "refused", node.outputs[i].spec.shape.rank() == 4);
  }
}

formats::OnnxModel Emitter::finish(const Tensor& output) {
  path_.clear();
  const bool first = is_first(output);
  const std::string last = add("Identity", {first ? images(output) : plain(output)});
  // From the end: what nobody reads goes, and the last node gives the output itself.
  std::set<std::string> read{last};
  std::vector<formats::OnnxNode> kept;
  for (auto node = model_.nodes.rbegin(); node != model_.nodes.rend(); ++node) {
    if (!read.contains(node->outputs[0])) continue;
    read.insert(node->inputs.begin(), node->inputs.end());
    kept.push_back(*node);
  }
  std::ranges::reverse(kept);
  if (kept.size() > 1 && kept[kept.size() - 2].outputs[0] == kept.back().inputs[0]) kept.pop_back();
  kept.back().outputs[0] = "scores";
  model_.nodes = std::move(kept);
  std::erase_if(model_.initializers, [&](const auto& i) { return !read.contains(i.first); });

  const Shape s = Value{output, first}.shape();
  std::vector<int64_t> shape(s.begin(), s.end());
  if (!shape.empty()) shape[0] = -1;
  model_.outputs.push_back({"scores", "f32", Dtype::f32, shape});
  return std::move(model_);
}

}  // namespace fovea::onnx
