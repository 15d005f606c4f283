#include <limits>
#include <onnx/onnx_pb.h>

#include <fmt/format.h>

#include "fovea/core/errors.h"
#include "fovea/core/text.h"
#include "fovea/formats/mapped_file.h"
#include "fovea/formats/onnx.h"
#include "fovea/formats/onnx/dtype.h"
#include "fovea/formats/onnx/external.h"

namespace fovea::formats {

namespace {

// A tensor that the file has and fovea cannot hold.
struct Refused : std::runtime_error {
  explicit Refused(OnnxFault f) : std::runtime_error(f.where + f.what), fault(std::move(f)) {}
  OnnxFault fault;
};

template <class T, class Field>
void fill(Tensor& t, const Field& field, const std::string& what) {
  if (int64_t(field.size()) != t.numel())
    throw std::invalid_argument(
        fmt::format("{}: expected {} values, got {}", what, t.numel(), field.size()));
  auto out = t.mutable_data<T>();
  for (int i = 0; i < field.size(); ++i) out[size_t(i)] = T(field.Get(i));
}

// Halves are listed by their bits.
template <class Half>
void fill_bits(Tensor& t, const ::onnx::TensorProto& p, const std::string& what) {
  Tensor bits = Tensor::empty(t.shape(), Dtype::i32);
  fill<int32_t>(bits, p.int32_data(), what);
  auto out = t.mutable_data<Half>();
  for (size_t i = 0; i < out.size(); ++i) out[i].bits = uint16_t(bits.data<int32_t>()[i]);
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
      return fill_bits<float16>(t, p, what);
    case Dtype::bf16:
      return fill_bits<bfloat16>(t, p, what);
  }
}

Tensor from_raw(
    std::span<const std::byte> raw, const Shape& shape, Dtype dtype, const std::string& what) {
  if (raw.size() != size_t(shape.numel()) * size_of(dtype))
    throw std::invalid_argument(fmt::format(
        "{} of shape {}: expected {} bytes, got {}",
        what,
        shape.str(),
        size_t(shape.numel()) * size_of(dtype),
        raw.size()));
  if (dtype == Dtype::boolean)
    for (std::byte b : raw)
      if (b > std::byte{1})
        throw std::invalid_argument(fmt::format("{} has a bool that is neither 0 nor 1", what));
  return Tensor::from_bytes(raw, shape, dtype);
}

ExternalPlace place_of(const ::onnx::TensorProto& p) {
  ExternalPlace place;
  for (const auto& entry : p.external_data()) {
    if (entry.key() == "location") place.location = entry.value();
    if (entry.key() == "offset") place.offset = entry.value();
    if (entry.key() == "length") place.length = entry.value();
  }
  return place;
}

// `beside` are the files that may hold the elements; none for a tensor without a folder.
Tensor tensor_of(
    const ::onnx::TensorProto& p, const std::string& owner, ExternalFiles* beside = nullptr) {
  const std::string what = fmt::format("tensor \"{}\"", p.name().empty() ? owner : p.name());
  const auto dtype = dtype_of_onnx(p.data_type());
  if (!dtype) throw Refused({what, fmt::format(" of type {}", onnx_type_name(p.data_type()))});
  const bool external = p.data_location() == ::onnx::TensorProto::EXTERNAL;
  if (external && !beside) throw Refused({what, " in another file (external data)"});
  if (p.dims_size() > Shape::max_rank)
    throw Refused({what, fmt::format(" of {} axes, more than {}", p.dims_size(), Shape::max_rank)});
  Shape shape;
  // No list or block in the file is longer than 2 GiB, so a larger tensor cannot be whole; those in
  // other files are held to as many elements.
  constexpr int64_t most = std::numeric_limits<int32_t>::max();
  for (int64_t extent : p.dims()) {
    if (extent < 0 || extent > most || (extent > 0 && shape.numel() > most / extent))
      throw std::invalid_argument(fmt::format("{} has an extent of {}", what, extent));
    shape.push_back(extent);
  }
  if (external)
    return from_raw(
        beside->bytes_of(place_of(p), what, size_t(shape.numel()) * size_of(*dtype)),
        shape,
        *dtype,
        what);
  if (p.has_raw_data())
    return from_raw(std::as_bytes(std::span(p.raw_data())), shape, *dtype, what);
  const int64_t listed = std::max(
      {p.float_data_size(), p.double_data_size(), p.int64_data_size(), p.int32_data_size()});
  if (listed != shape.numel())
    throw std::invalid_argument(fmt::format(
        "{} of shape {}: expected {} values, got {}", what, shape.str(), shape.numel(), listed));
  Tensor t = Tensor::empty(shape, *dtype);
  fill(t, p, what);
  return t;
}

OnnxAttribute attribute_of(
    const ::onnx::AttributeProto& p, const OnnxNode& node, ExternalFiles* beside) {
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
      a.tensor = tensor_of(p.t(), node.str(), beside);
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

OnnxNode node_of(const ::onnx::NodeProto& p, OnnxModel& model, ExternalFiles* beside) {
  OnnxNode node;
  node.op = p.op_type();
  node.domain = p.domain() == "ai.onnx" ? "" : p.domain();
  node.name = p.name();
  node.inputs.assign(p.input().begin(), p.input().end());
  node.outputs.assign(p.output().begin(), p.output().end());
  for (const auto& a : p.attribute()) try {
      node.attributes[a.name()] = attribute_of(a, node, beside);
    } catch (const Refused& e) {
      model.refused.push_back({node.str(), fmt::format(": {}", e.what())});
    }
  return node;
}

OnnxModel model_of(const ::onnx::ModelProto& p, ExternalFiles* beside) {
  if (!p.has_graph()) throw std::invalid_argument("it has no graph");
  OnnxModel model;
  model.producer = p.producer_name();
  for (const auto& o : p.opset_import()) model.opsets[o.domain()] = o.version();
  for (const auto& m : p.metadata_props()) model.metadata[m.key()] = m.value();
  const auto& graph = p.graph();
  for (const auto& t : graph.initializer()) try {
      model.initializers.emplace_back(t.name(), tensor_of(t, "initializer", beside));
    } catch (const Refused& e) {
      model.refused.push_back(e.fault);
    }
  for (const auto& t : graph.sparse_initializer())
    model.refused.push_back({fmt::format("sparse tensor \"{}\"", t.values().name()), ""});
  std::map<std::string, bool> held;
  for (const auto& t : graph.initializer()) held[t.name()] = true;
  for (const auto& v : graph.input())
    if (!held.contains(v.name())) model.inputs.push_back(value_of(v));
  for (const auto& v : graph.output()) model.outputs.push_back(value_of(v));
  for (const auto& n : graph.node()) model.nodes.push_back(node_of(n, model, beside));
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
  return parse<::onnx::ModelProto>(
      bytes, name, "an ONNX model", [](const auto& p) { return model_of(p, nullptr); });
}

OnnxModel read_onnx(const std::string& path) {
  MappedFile file(path);
  ExternalFiles beside(path);
  return parse<::onnx::ModelProto>(
      file.bytes(), path, "an ONNX model", [&](const auto& p) { return model_of(p, &beside); });
}

Tensor parse_onnx_tensor(std::span<const std::byte> bytes, const std::string& name) {
  return parse<::onnx::TensorProto>(
      bytes, name, "an ONNX tensor", [&](const auto& p) { return tensor_of(p, name); });
}

}  // namespace fovea::formats
