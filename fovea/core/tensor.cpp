#include "fovea/core/tensor.h"

#include <atomic>
#include <cstring>

#include <fmt/format.h>

#include "fovea/core/allocator.h"
#include "fovea/core/errors.h"
#include "fovea/core/eval.h"
#include "fovea/core/node.h"

namespace fovea {

namespace {

std::shared_ptr<Value> leaf(const Shape& shape, Dtype dtype, Device device) {
  auto value = std::make_shared<Value>();
  value->spec = {shape, dtype};
  value->device = device;
  value->storage = std::make_shared<Storage>(size_t(shape.numel()) * size_of(dtype), device);
  return value;
}

// All inputs live on one device, except that `ref` may read what lives on `cpu`; weak scalars and
// nodes without inputs follow the rest, or the default.
Device device_for(const Primitive& primitive, std::span<const Tensor> inputs) {
  Device device = default_device();
  bool chosen = false;
  for (const Tensor& t : inputs) {
    Device d = t.device();
    if (t.is_weak() || (chosen && d == device)) continue;
    if (!chosen) {
      device = d;
      chosen = true;
    } else if (d.on_host() && device.on_host()) {
      device = Device{Device::ref};
    } else {
      throw std::invalid_argument(fmt::format(
          "[{}] expected its inputs on one device, got {} and {}",
          primitive.name(),
          name_of(device.kind),
          name_of(d.kind)));
    }
  }
  return device;
}

}  // namespace

Tensor::Tensor(double scalar) : value_(leaf({}, Dtype::f64, default_device())) {
  value_->weak = true;
  mutable_data<double>()[0] = scalar;
}

Tensor Tensor::from_bytes(
    std::span<const std::byte> bytes, const Shape& shape, Dtype dtype, Device d) {
  size_t wanted = size_t(shape.numel()) * size_of(dtype);
  if (bytes.size() != wanted)
    throw std::invalid_argument(fmt::format(
        "[tensor] expected {} bytes for {} {}, got {}",
        wanted,
        name_of(dtype),
        shape.str(),
        bytes.size()));
  Tensor t(leaf(shape, dtype, d));
  if (wanted) std::memcpy(t.raw(), bytes.data(), wanted);
  return t;
}

Tensor Tensor::empty(const Shape& shape, Dtype dtype, Device d) {
  return Tensor(leaf(shape, dtype, d));
}

std::vector<Tensor> Tensor::outputs_of(
    std::shared_ptr<const Primitive> primitive, std::vector<Tensor> inputs, SourceLocation where) {
  static std::atomic<uint64_t> next_id{1};
  auto node = std::make_shared<Node>();
  std::vector<Spec> specs = primitive->infer(inputs);
  node->id = next_id.fetch_add(1, std::memory_order_relaxed);
  node->device = device_for(*primitive, inputs);
  node->where = where;
  node->path = current_path();
  for (const Tensor& t : inputs) node->traced |= t.value()->traced;
  node->primitive = std::move(primitive);
  node->inputs = std::move(inputs);
  node->outputs.resize(specs.size());
  std::vector<Tensor> handles;
  handles.reserve(specs.size());
  for (size_t i = 0; i < specs.size(); ++i) {
    node->outputs[i].spec = specs[i];
    handles.push_back(Node::output(node, int(i)));
  }
  if (eval_mode() == EvalMode::eager) fovea::eval(handles);
  return handles;
}

Tensor Tensor::output_of(
    std::shared_ptr<const Primitive> primitive, std::vector<Tensor> inputs, SourceLocation where) {
  return outputs_of(std::move(primitive), std::move(inputs), where)[0];
}

const Shape& Tensor::shape() const {
  FOVEA_ASSERT(value_);
  return value_->spec.shape;
}
Dtype Tensor::dtype() const {
  FOVEA_ASSERT(value_);
  return value_->spec.dtype;
}
Device Tensor::device() const {
  FOVEA_ASSERT(value_);
  return value_->device;
}
bool Tensor::is_weak() const { return value_ && value_->weak; }
bool Tensor::is_evaluated() const { return value_ && value_->storage; }

const std::shared_ptr<Node>& Tensor::node() const {
  FOVEA_ASSERT(value_);
  return value_->node;
}

const Tensor& Tensor::eval() const {
  if (!is_evaluated()) fovea::eval(std::span(this, 1));
  return *this;
}

std::byte* Tensor::raw() const { return value_->storage->data() + value_->offset; }

std::span<const std::byte> Tensor::bytes() const {
  check_readable(dtype());
  return {raw(), nbytes()};
}

std::span<std::byte> Tensor::mutable_bytes() {
  check_readable(dtype());
  return {raw(), nbytes()};
}

void Tensor::check_readable(Dtype wanted) const {
  if (!is_evaluated())
    throw std::logic_error("[tensor] data() needs an evaluated tensor; call eval()");
  if (wanted != dtype())
    throw std::invalid_argument(
        fmt::format("[tensor] expected to read {}, but the tensor is {}", name_of(wanted), str()));
}

double Tensor::item_as_double() const {
  if (numel() != 1)
    throw std::invalid_argument(
        fmt::format("[item] expected one element, got shape {}", shape().str()));
  eval();
  return visit_dtype(dtype(), [&]<class T>() { return double(data<T>()[0]); });
}

namespace {

template <class To>
std::vector<To> converted(const Tensor& t) {
  t.eval();
  return visit_dtype(t.dtype(), [&]<class T>() {
    std::vector<To> out;
    out.reserve(size_t(t.numel()));
    for (T x : t.data<T>()) out.push_back(To(x));
    return out;
  });
}

}  // namespace

std::vector<float> Tensor::to_vector() const { return converted<float>(*this); }
std::vector<double> Tensor::to_doubles() const { return converted<double>(*this); }

std::string Tensor::str() const {
  return is_empty() ? "empty" : fmt::format("{} {}", name_of(dtype()), shape().str());
}

}  // namespace fovea
