#include "fovea/onnx/call.h"

#include <map>

#include <fmt/format.h>

namespace fovea::onnx {

namespace {

using Type = formats::OnnxAttribute::Type;

const formats::OnnxAttribute* attribute_of(const Call& c, const char* name, Type type) {
  auto it = c.node.attributes.find(name);
  if (it == c.node.attributes.end()) return nullptr;
  if (it->second.type != type)
    throw std::invalid_argument(fmt::format("attribute {} has the wrong type", name));
  return &it->second;
}

}  // namespace

const Value& Call::operator[](size_t i) const {
  if (!has(i)) throw std::invalid_argument(fmt::format("input {} is missing", i));
  return in[i];
}

bool Call::wants(size_t output) const {
  return output < node.outputs.size() && !node.outputs[output].empty();
}

int64_t Call::integer(const char* name, int64_t otherwise) const {
  auto* a = attribute_of(*this, name, Type::integer);
  return a ? a->integer : otherwise;
}

double Call::number(const char* name, double otherwise) const {
  auto* a = attribute_of(*this, name, Type::number);
  return a ? double(a->number) : otherwise;
}

std::string Call::text(const char* name, const std::string& otherwise) const {
  auto* a = attribute_of(*this, name, Type::text);
  return a ? a->text : otherwise;
}

std::vector<int64_t> Call::integers(const char* name, const std::vector<int64_t>& otherwise) const {
  auto* a = attribute_of(*this, name, Type::integers);
  return a ? a->integers : otherwise;
}

std::vector<int64_t> Call::held(size_t i) const {
  const Value& v = (*this)[i];
  if (dry && !v.known) throw NotKnown();
  constexpr int64_t most = 1 << 16;
  if (v.tensor.numel() > most)
    throw Unsupported(fmt::format("input {} of {} numbers", i, v.tensor.numel()));
  const Tensor t = v.plain().eval();
  std::vector<int64_t> values;
  if (t.dtype() == Dtype::i64)
    values.assign(t.data<int64_t>().begin(), t.data<int64_t>().end());
  else if (t.dtype() == Dtype::i32)
    values.assign(t.data<int32_t>().begin(), t.data<int32_t>().end());
  else
    throw std::invalid_argument(
        fmt::format("input {}: expected integers, got {}", i, name_of(t.dtype())));
  return values;
}

std::vector<double> Call::numbers(size_t i) const {
  const Value& v = (*this)[i];
  if (dry && !v.known) throw NotKnown();
  return v.plain().to_doubles();
}

std::vector<int64_t> Call::integers(size_t i, const char* name) const {
  return has(i) ? held(i) : integers(name);
}

const Operator* find_operator(std::string_view name) {
  static const std::map<std::string_view, Operator> table = [] {
    std::map<std::string_view, Operator> rows;
    for (auto family :
         {elementwise_operators,
          logic_operators,
          convolution_operators,
          pool_operators,
          norm_operators,
          reduce_operators,
          shape_operators,
          part_operators,
          index_operators,
          matrix_operators,
          einsum_operators,
          attention_operators,
          quantize_operators,
          resize_operators,
          constant_operators})
      for (const Operator& row : family()) rows.emplace(row.name, row);
    return rows;
  }();
  auto it = table.find(name);
  return it == table.end() ? nullptr : &it->second;
}

Value known_integers(const std::vector<int64_t>& values, const Shape& shape) {
  return {.tensor = Tensor::from<int64_t>(values, shape), .known = true};
}

}  // namespace fovea::onnx
