#include <limits>
#include <onnx/onnx_pb.h>

#include <fmt/format.h>

#include "fovea/core/errors.h"
#include "fovea/core/text.h"
#include "fovea/formats/mapped_file.h"
#include "fovea/formats/onnx.h"
#include "fovea/formats/onnx/dtype.h"

namespace fovea::formats {

namespace {

// A tensor that the file has and fovea cannot hold.
struct Refused : std::runtime_error {
  using std::runtime_error::runtime_error;
};

template <class T, class Field>
void fill(Tensor& t, const Field& field, const std::string& what) {
  if (int64_t(field.size()) != t.numel())
    throw std::invalid_argument(
        fmt::format("{}: expected {} values, got {}", what, t.numel(), field.size()));
  auto out = t.mutable_data<T>();
  for (int i = 0; i < field.size(); ++i) out[size_t(i)] = T(field.Get(i));
}

void fill(Tensor& t, const ::onnx::TensorProto& p, const std::string& what) {
  switch (t.dtype()) {
    case Dtype::f32:
      return fill<float>(t, p.float_data(), what);
    case Dtype::f64:
      return fill<double>(t, p.double_data(), what);
    case Dtype::i64:
      return fill<int64_t>(t, p.int64_data(), what);
    case Dtype::i32:
      return fill<int32_t>(t, p.int32_data(), what);
    case Dtype::i8:
      return fill<int8_t>(t, p.int32_data(), what);
    case Dtype::u8:
      return fill<uint8_t>(t, p.int32_data(), what);
    case Dtype::boolean:
      return fill<bool>(t, p.int32_data(), what);
    case Dtype::f16:
    case Dtype::bf16:
      break;
  }
  throw Refused(fmt::format("{} keeps {} in a list of integers", what, name_of(t.dtype())));
}

Tensor tensor_of(const ::onnx::TensorProto& p, const std::string& owner) {
  const std::string what = fmt::format("tensor \"{}\"", p.name().empty() ? owner : p.name());
  const auto dtype = dtype_of_onnx(p.data_type());
  if (!dtype) throw Refused(fmt::format("{} of type {}", what, onnx_type_name(p.data_type())));
  if (p.data_location() == ::onnx::TensorProto::EXTERNAL)
    throw Refused(fmt::format("{}, which lies in another file (external data)", what));
  if (p.dims_size() > Shape::max_rank)
    throw Refused(fmt::format("{} of {} axes, more than {}", what, p.dims_size(), Shape::max_rank));
  Shape shape;
  // No list or block in the file is longer than 2 GiB, so a larger tensor cannot be whole.
  constexpr int64_t most = std::numeric_limits<int32_t>::max();
  for (int64_t extent : p.dims()) {
    if (extent < 0 || extent > most || (extent > 0 && shape.numel() > most / extent))
      throw std::invalid_argument(fmt::format("{} has an extent of {}", what, extent));
    shape.push_back(extent);
  }
  if (p.has_raw_data()) {
    const std::string& raw = p.raw_data();
    if (raw.size() != size_t(shape.numel()) * size_of(*dtype))
      throw std::invalid_argument(fmt::format(
          "{} of shape {}: expected {} bytes, got {}",
          what,
          shape.str(),
          size_t(shape.numel()) * size_of(*dtype),
          raw.size()));
    if (*dtype == Dtype::boolean)
      for (char c : raw)
        if (c != 0 && c != 1)
          throw std::invalid_argument(fmt::format("{} has a bool that is neither 0 nor 1", what));
    return Tensor::from_bytes(std::as_bytes(std::span(raw)), shape, *dtype);
  }
  const int64_t listed = std::max(
      {p.float_data_size(), p.double_data_size(), p.int64_data_size(), p.int32_data_size()});
  if (listed != shape.numel())
    throw std::invalid_argument(fmt::format(
        "{} of shape {}: expected {} values, got {}", what, shape.str(), shape.numel(), listed));
  Tensor t = Tensor::empty(shape, *dtype);
  fill(t, p, what);
  return t;
}

OnnxAttribute attribute_of(const ::onnx::AttributeProto& p, const OnnxNode& node) {
  using Type = OnnxAttribute::Type;
  OnnxAttribute a;
  switch (p.type()) {
    case ::onnx::AttributeProto::FLOAT:
      a.type = Type::number;
      a.number = p.f();
      break;
    case ::onnx::AttributeProto::INT:
      a.type = Type::integer;
      a.integer = p.i();
      break;
    case ::onnx::AttributeProto::STRING:
      a.type = Type::text;
      a.text = p.s();
      break;
    case ::onnx::AttributeProto::TENSOR:
      a.type = Type::tensor;
      a.tensor = tensor_of(p.t(), node.str());
      break;
    case ::onnx::AttributeProto::FLOATS:
      a.type = Type::numbers;
      a.numbers.assign(p.floats().begin(), p.floats().end());
      break;
    case ::onnx::AttributeProto::INTS:
      a.type = Type::integers;
      a.integers.assign(p.ints().begin(), p.ints().end());
      break;
    default:
      a.type = Type::other;
  }
  return a;
}

OnnxValue value_of(const ::onnx::ValueInfoProto& p) {
  OnnxValue v;
  v.name = p.name();
  if (!p.type().has_tensor_type()) {
    v.type = p.type().has_sequence_type() ? "sequence" : "not a tensor";
    return v;
  }
  const auto& tensor = p.type().tensor_type();
  v.dtype = dtype_of_onnx(tensor.elem_type());
  v.type = v.dtype ? std::string(name_of(*v.dtype)) : onnx_type_name(tensor.elem_type());
  if (!tensor.has_shape()) return v;
  v.shape.emplace();
  for (const auto& dim : tensor.shape().dim())
    v.shape->push_back(dim.has_dim_value() && dim.dim_value() >= 0 ? dim.dim_value() : -1);
  return v;
}

OnnxNode node_of(const ::onnx::NodeProto& p, OnnxModel& model) {
  OnnxNode node;
  node.op = p.op_type();
  node.domain = p.domain() == "ai.onnx" ? "" : p.domain();
  node.name = p.name();
  node.inputs.assign(p.input().begin(), p.input().end());
  node.outputs.assign(p.output().begin(), p.output().end());
  for (const auto& a : p.attribute()) try {
      node.attributes[a.name()] = attribute_of(a, node);
    } catch (const Refused& e) {
      model.refused.push_back(fmt::format("{}: {}", node.str(), e.what()));
    }
  return node;
}

OnnxModel model_of(const ::onnx::ModelProto& p) {
  if (!p.has_graph()) throw std::invalid_argument("it has no graph");
  OnnxModel model;
  model.producer = p.producer_name();
  for (const auto& o : p.opset_import()) model.opsets[o.domain()] = o.version();
  for (const auto& m : p.metadata_props()) model.metadata[m.key()] = m.value();
  const auto& graph = p.graph();
  for (const auto& t : graph.initializer()) try {
      model.initializers.emplace_back(t.name(), tensor_of(t, "initializer"));
    } catch (const Refused& e) {
      model.refused.emplace_back(e.what());
    }
  for (const auto& t : graph.sparse_initializer())
    model.refused.push_back(fmt::format("sparse tensor \"{}\"", t.values().name()));
  std::map<std::string, bool> held;
  for (const auto& t : graph.initializer()) held[t.name()] = true;
  for (const auto& v : graph.input())
    if (!held.contains(v.name())) model.inputs.push_back(value_of(v));
  for (const auto& v : graph.output()) model.outputs.push_back(value_of(v));
  for (const auto& n : graph.node()) model.nodes.push_back(node_of(n, model));
  return model;
}

// Parses a message and converts it; what is wrong with it comes out as IoError.
template <class Message, class F>
auto parse(std::span<const std::byte> bytes, const std::string& name, const char* kind, F&& f) {
  Message message;
  if (bytes.size() > size_t(std::numeric_limits<int>::max()))
    throw IoError(name, "larger than 2 GiB, which an ONNX file cannot be");
  if (bytes.empty() || !message.ParseFromArray(bytes.data(), int(bytes.size())))
    throw IoError(name, fmt::format("not {}, or cut short", kind));
  try {
    return f(message);
  } catch (const Refused& e) {
    throw IoError(name, fmt::format("unsupported: {}", e.what()));
  } catch (const std::invalid_argument& e) {
    throw IoError(name, fmt::format("not {}: {}", kind, e.what()));
  }
}

}  // namespace

OnnxModel parse_onnx(std::span<const std::byte> bytes, const std::string& name) {
  return parse<::onnx::ModelProto>(bytes, name, "an ONNX model", model_of);
}

OnnxModel read_onnx(const std::string& path) {
  MappedFile file(path);
  return parse_onnx(file.bytes(), path);
}

Tensor parse_onnx_tensor(std::span<const std::byte> bytes, const std::string& name) {
  return parse<::onnx::TensorProto>(
      bytes, name, "an ONNX tensor", [&](const auto& p) { return tensor_of(p, name); });
}

}  // namespace fovea::formats
