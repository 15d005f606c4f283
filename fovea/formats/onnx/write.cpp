#include <onnx/checker.h>
#include <onnx/onnx_pb.h>
#include <stdexcept>

#include <fmt/format.h>

#include "fovea/core/version.h"
#include "fovea/formats/onnx.h"
#include "fovea/formats/onnx/dtype.h"

namespace fovea::formats {

namespace {

void put(::onnx::TensorProto& p, const std::string& name, const Tensor& t) {
  p.set_name(name);
  p.set_data_type(onnx_type(t.dtype()));
  for (int64_t extent : t.shape()) p.add_dims(extent);
  const auto bytes = t.bytes();
  p.set_raw_data(bytes.data(), bytes.size());
}

void put(::onnx::AttributeProto& p, const std::string& name, const OnnxAttribute& a) {
  using Type = OnnxAttribute::Type;
  p.set_name(name);
  switch (a.type) {
    case Type::number:
      p.set_type(::onnx::AttributeProto::FLOAT);
      return p.set_f(a.number);
    case Type::integer:
      p.set_type(::onnx::AttributeProto::INT);
      return p.set_i(a.integer);
    case Type::text:
      p.set_type(::onnx::AttributeProto::STRING);
      return p.set_s(a.text);
    case Type::tensor:
      p.set_type(::onnx::AttributeProto::TENSOR);
      return put(*p.mutable_t(), "", a.tensor);
    case Type::numbers:
      p.set_type(::onnx::AttributeProto::FLOATS);
      for (float f : a.numbers) p.add_floats(f);
      return;
    case Type::integers:
      p.set_type(::onnx::AttributeProto::INTS);
      for (int64_t i : a.integers) p.add_ints(i);
      return;
    case Type::none:
    case Type::other:
      throw std::logic_error(fmt::format("attribute {} has no value to write", name));
  }
}

void put(::onnx::ValueInfoProto& p, const OnnxValue& v) {
  p.set_name(v.name);
  auto& tensor = *p.mutable_type()->mutable_tensor_type();
  if (v.dtype) tensor.set_elem_type(onnx_type(*v.dtype));
  if (!v.shape) return;
  auto& shape = *tensor.mutable_shape();
  for (int64_t extent : *v.shape) {
    auto* dim = shape.add_dim();
    if (extent < 0)
      dim->set_dim_param("N");
    else
      dim->set_dim_value(extent);
  }
}

::onnx::ModelProto proto_of(const OnnxModel& model) {
  ::onnx::ModelProto p;
  p.set_ir_version(8);  // of ONNX 1.10 to 1.12, with opset 15 to 17
  p.set_producer_name("fovea");
  p.set_producer_version(version());
  for (const auto& [domain, number] : model.opsets) {
    auto* opset = p.add_opset_import();
    opset->set_domain(domain);
    opset->set_version(number);
  }
  for (const auto& [key, value] : model.metadata) {
    auto* entry = p.add_metadata_props();
    entry->set_key(key);
    entry->set_value(value);
  }
  auto& graph = *p.mutable_graph();
  graph.set_name("fovea");
  for (const OnnxValue& v : model.inputs) put(*graph.add_input(), v);
  for (const OnnxValue& v : model.outputs) put(*graph.add_output(), v);
  for (const auto& [name, tensor] : model.initializers) put(*graph.add_initializer(), name, tensor);
  for (const OnnxNode& node : model.nodes) {
    auto& n = *graph.add_node();
    n.set_op_type(node.op);
    n.set_domain(node.domain);
    n.set_name(node.name);
    for (const std::string& input : node.inputs) n.add_input(input);
    for (const std::string& output : node.outputs) n.add_output(output);
    for (const auto& [name, a] : node.attributes) put(*n.add_attribute(), name, a);
  }
  return p;
}

}  // namespace

std::string onnx_bytes(const OnnxModel& model) {
  const ::onnx::ModelProto p = proto_of(model);
  try {
    ::onnx::checker::check_model(p);
  } catch (const std::exception& e) {
    throw std::logic_error(fmt::format("the ONNX checker refuses the model: {}", e.what()));
  }
  return p.SerializeAsString();
}

std::string unchecked_onnx_bytes(const OnnxModel& model) {
  return proto_of(model).SerializeAsString();
}

}  // namespace fovea::formats
