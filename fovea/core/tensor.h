#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "fovea/core/device.h"
#include "fovea/core/dtype.h"
#include "fovea/core/shape.h"
#include "fovea/core/source_location.h"

namespace fovea {

class Primitive;
class Storage;
struct Node;
struct Value;

// A handle to one output of one graph node. Copying is cheap and never copies data. Ops check their
// arguments when called and return a node; eval() runs the graph below it. Materialised tensors are
// row-major and contiguous. Images are (N, H, W, C); conv weights (O, kh, kw, I / groups).
class Tensor {
 public:
  Tensor() = default;    // an empty handle
  Tensor(double value);  // a scalar that takes the dtype and device of what it is combined with

  // A leaf holding a copy of `values`, which must have as many elements as `shape`.
  template <class T>
  static Tensor from(std::span<const T> values, const Shape& shape, Device d = default_device()) {
    return from_bytes(std::as_bytes(values), shape, dtype_of<T>, d);
  }
  template <class T>
  static Tensor from(
      std::initializer_list<T> values, const Shape& shape, Device d = default_device()) {
    return from(std::span<const T>(values.begin(), values.size()), shape, d);
  }
  template <class T>
  static Tensor from(
      const std::vector<T>& values, const Shape& shape, Device d = default_device()) {
    return from(std::span<const T>(values), shape, d);
  }
  static Tensor from_bytes(
      std::span<const std::byte> bytes,
      const Shape& shape,
      Dtype dtype,
      Device d = default_device());

  // A leaf with uninitialised memory, to be filled through mutable_data().
  static Tensor empty(const Shape& shape, Dtype dtype = Dtype::f32, Device d = default_device());

  // Used by ops only: one node, and a handle to each of its outputs as infer() describes them.
  static std::vector<Tensor> outputs_of(
      std::shared_ptr<const Primitive> primitive,
      std::vector<Tensor> inputs,
      SourceLocation where = SourceLocation::current());
  // The same for the common primitive with one output.
  static Tensor output_of(
      std::shared_ptr<const Primitive> primitive,
      std::vector<Tensor> inputs,
      SourceLocation where = SourceLocation::current());

  bool is_empty() const { return !value_; }  // true for a default-constructed handle
  const Shape& shape() const;
  int64_t dim(int axis) const { return shape().dim(axis); }
  int rank() const { return shape().rank(); }
  int64_t numel() const { return shape().numel(); }
  size_t nbytes() const { return size_t(numel()) * size_of(dtype()); }
  Dtype dtype() const;
  Device device() const;
  bool is_weak() const;  // a scalar literal, see Tensor(double)

  const Tensor& eval() const;  // runs the graph below this node
  bool is_evaluated() const;

  // The elements; throws std::logic_error if not evaluated, std::invalid_argument on another dtype.
  template <class T>
  std::span<const T> data() const {
    check_readable(dtype_of<T>);
    return {reinterpret_cast<const T*>(raw()), size_t(numel())};
  }
  template <class T>
  std::span<T> mutable_data() {
    check_readable(dtype_of<T>);
    return {reinterpret_cast<T*>(raw()), size_t(numel())};
  }
  std::span<const std::byte> bytes() const;
  std::span<std::byte> mutable_bytes();

  // The only element, evaluated and converted.
  template <class T = float>
  T item() const {
    return T(item_as_double());
  }
  // All elements in row-major order, evaluated and converted.
  std::vector<float> to_vector() const;
  std::vector<double> to_doubles() const;

  // The identity of the value behind the handle, and the parts of the graph; for graph walks.
  const std::shared_ptr<Value>& value() const { return value_; }
  const std::shared_ptr<Node>& node() const;  // the producer; null for leaves and evaluated values
  explicit Tensor(std::shared_ptr<Value> value) : value_(std::move(value)) {}

  std::string str() const;  // "f32 (2, 3)"

 private:
  void check_readable(Dtype wanted) const;
  std::byte* raw() const;
  double item_as_double() const;

  std::shared_ptr<Value> value_;
};

}  // namespace fovea
