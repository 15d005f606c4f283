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
  node.name = fresh(below(op));
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

void Emitter::refuse(std::string_view op) {
  const std::string where = path_.empty() ? "" : fmt::format(" in {}", path_);
  refused_.add({fmt::format("{}{}", op, where), ""}, std::string(op));
}

const Named* Emitter::find(const Tensor& t) {
  auto it = found_.find(t.value().get());
  if (it == found_.end()) return nullptr;
  if (it->second.shape) it->second = {reshaped(it->second, *it->second.shape, t.shape())};
  return &it->second;
}

// `from`, which has the given shape here; both shapes have the batch in their first extent.
std::string Emitter::reshaped(const Named& from, const Shape& shape, const Shape& to) {
  // Channels and pixels in either order are the same row where there is one of them.
  const bool either = shape.rank() == 4 && (shape[1] * shape[2] == 1 || shape[3] == 1);
  std::vector<int64_t> extents(to.begin(), to.end());
  extents[0] = to[0] == shape[0] ? 0 : -1;
  const std::string row = from.first && either ? from.name : plain(from);
  return add("Reshape", {row, integers(extents)});
}

std::string Emitter::plain(const Named& named) {
  if (!named.first) return named.name;
  return add("Transpose", {named.name}, {{"perm", attribute({0, 2, 3, 1})}});
}

std::string Emitter::images(const Named& named) {
  if (named.first) return named.name;
  return add("Transpose", {named.name}, {{"perm", attribute({0, 3, 1, 2})}});
}

std::string Emitter::plain(const Tensor& t) {
  if (const Named* named = find(t)) return plain(*named);
  auto known = names_.find(t.value().get());
  const std::string stem = known != names_.end() ? known->second : below("constant");
  kept_.push_back(t);
  const std::string name = constant(stem, t);
  found_[t.value().get()] = {name, false};
  return name;
}

std::string Emitter::images(const Tensor& t) {
  if (const Named* named = find(t)) return images(*named);
  return constant("constant", to_first(t));
}

// Under its own name or, where that is lost, below the module.
std::string Emitter::parameter(const Tensor& t, const char* name) {
  const bool known = names_.contains(t.value().get()) || found_.contains(t.value().get());
  return known ? plain(t) : constant(below(name), t);
}

std::string Emitter::below(const char* name) const {
  return path_.empty() ? name : fmt::format("{}.{}", path_, name);
}

// Weights (O, kh, kw, I) as (O, I, kh, kw), under their own name or that of the module.
std::string Emitter::filters(const Tensor& w) {
  if (!w.is_evaluated()) return images(w);
  auto named = names_.find(w.value().get());
  return constant(named != names_.end() ? named->second : below("weight"), to_first(w));
}

bool Emitter::is_first(const Tensor& t) const {
  auto it = found_.find(t.value().get());
  return it != found_.end() && it->second.first && !it->second.shape;
}

std::string Emitter::as(const Tensor& t, bool first) {
  if (!first || t.rank() == 0) return plain(t);
  if (t.rank() == 4) return images(t);
  if (found_.contains(t.value().get()) && !names_.contains(t.value().get()) && !t.is_evaluated()) {
    refused_.add({fmt::format("{} beside images", t.str()), ""}, "beside images");
    return plain(t);
  }
  Shape shape;
  for (int i = t.rank(); i < 4; ++i) shape.push_back(1);
  for (int64_t extent : t.shape()) shape.push_back(extent);
  return constant(below("constant"), to_first(reshape(t, shape)));
}

void Emitter::give(const Node& node, int output, const Named& named) {
  if (auto value = node.outputs[size_t(output)].value.lock()) found_[value.get()] = named;
}

void Emitter::emit(const Node& node) {
  path_ = node.path ? *node.path : "";
  if (emit_convolution(node) || emit_unary(node) || emit_binary(node) || emit_shape(node) ||
      emit_parts(node) || emit_pool(node) || emit_norm(node) || emit_product(node) ||
      emit_other(node))
    return;
  refuse(node.primitive->name());
  for (size_t i = 0; i < node.outputs.size(); ++i)
    give(node, int(i), "refused", node.outputs[i].spec.shape.rank() == 4);
}

formats::OnnxModel Emitter::finish(const Tensor& output) {
  path_.clear();
  const bool first = is_first(output) || output.rank() == 4;
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
