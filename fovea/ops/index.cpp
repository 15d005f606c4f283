#include "fovea/ops/index.h"

#include <stdexcept>

#include <fmt/format.h>

#include "fovea/core/errors.h"
#include "fovea/ops/elementwise.h"

namespace fovea {

namespace {

Tensor gather_grad(const Tensor& src, const Tensor& index, const Shape& to, int axis) {
  return Tensor::output_of(std::make_shared<GatherGrad>(to, axis), {src, index});
}

Tensor take_grad(const Tensor& src, const Tensor& index, const Shape& to, int axis) {
  return Tensor::output_of(std::make_shared<TakeGrad>(to, axis), {src, index});
}

// Indices get no gradient; input 0 gets that of `f`.
template <class F>
std::vector<Tensor> only_first(std::span<const int> wanted, F&& f) {
  std::vector<Tensor> grads;
  for (int i : wanted) grads.push_back(i == 0 ? f() : Tensor());
  return grads;
}

void check_gather(const Shape& x, const Shape& index, int axis, std::string_view op) {
  bool fits = x.rank() == index.rank();
  for (int i = 0; fits && i < x.rank(); ++i) fits = i == axis || index[i] <= x[i];
  if (!fits)
    throw std::invalid_argument(fmt::format(
        "[{}] expected an index with the axes of {}, none longer but axis {}, got {}",
        op,
        x.str(),
        axis,
        index.str()));
}

Shape taken_shape(const Shape& x, const Shape& index, int axis) {
  Shape shape;
  for (int i = 0; i < axis; ++i) shape.push_back(x[i]);
  for (int64_t extent : index) shape.push_back(extent);
  for (int i = axis + 1; i < x.rank(); ++i) shape.push_back(x[i]);
  return shape;
}

}  // namespace

std::vector<Spec> Gather::infer(std::span<const Tensor> in) const {
  check_gather(in[0].shape(), in[1].shape(), axis_, name());
  return {{in[1].shape(), in[0].dtype()}};
}

std::vector<Tensor> Gather::vjp(
    std::span<const Tensor> in,
    std::span<const Tensor>,
    std::span<const Tensor> dout,
    std::span<const int> wanted) const {
  return only_first(wanted, [&] { return gather_grad(dout[0], in[1], in[0].shape(), axis_); });
}

bool Gather::same(const Primitive& other) const {
  auto* o = dynamic_cast<const Gather*>(&other);
  return o && o->axis_ == axis_;
}

std::vector<Spec> GatherGrad::infer(std::span<const Tensor> in) const {
  check_gather(to_, in[1].shape(), axis_, name());
  if (!(in[0].shape() == in[1].shape()))
    throw std::invalid_argument(fmt::format(
        "[scatter_add] expected one index for each element to add, got shapes {} and {}",
        in[1].shape().str(),
        in[0].shape().str()));
  return {{to_, in[0].dtype()}};
}

std::vector<Tensor> GatherGrad::vjp(
    std::span<const Tensor> in,
    std::span<const Tensor>,
    std::span<const Tensor> dout,
    std::span<const int> wanted) const {
  return only_first(wanted, [&] { return gather(dout[0], in[1], axis_); });
}

bool GatherGrad::same(const Primitive& other) const {
  auto* o = dynamic_cast<const GatherGrad*>(&other);
  return o && o->to_ == to_ && o->axis_ == axis_;
}

std::vector<Spec> Take::infer(std::span<const Tensor> in) const {
  return {{taken_shape(in[0].shape(), in[1].shape(), axis_), in[0].dtype()}};
}

std::vector<Tensor> Take::vjp(
    std::span<const Tensor> in,
    std::span<const Tensor>,
    std::span<const Tensor> dout,
    std::span<const int> wanted) const {
  return only_first(wanted, [&] { return take_grad(dout[0], in[1], in[0].shape(), axis_); });
}

bool Take::same(const Primitive& other) const {
  auto* o = dynamic_cast<const Take*>(&other);
  return o && o->axis_ == axis_;
}

std::vector<Spec> TakeGrad::infer(std::span<const Tensor> in) const {
  Shape expected = taken_shape(to_, in[1].shape(), axis_);
  if (!(in[0].shape() == expected))
    throw std::invalid_argument(fmt::format(
        "[index_add] expected shape {} to add at indices {} on axis {} of {}, got {}",
        expected.str(),
        in[1].shape().str(),
        axis_,
        to_.str(),
        in[0].shape().str()));
  return {{to_, in[0].dtype()}};
}

std::vector<Tensor> TakeGrad::vjp(
    std::span<const Tensor> in,
    std::span<const Tensor>,
    std::span<const Tensor> dout,
    std::span<const int> wanted) const {
  return only_first(wanted, [&] { return take(dout[0], in[1], axis_); });
}

bool TakeGrad::same(const Primitive& other) const {
  auto* o = dynamic_cast<const TakeGrad*>(&other);
  return o && o->to_ == to_ && o->axis_ == axis_;
}

std::vector<Spec> OneHot::infer(std::span<const Tensor> in) const {
  Shape shape = in[0].shape();
  shape.push_back(classes_);
  return {{shape, dtype_}};
}

std::vector<Spec> NarrowIndex::infer(std::span<const Tensor> in) const {
  FOVEA_ASSERT(in[0].dtype() == Dtype::i64);
  return {{in[0].shape(), Dtype::i32}};
}

bool NarrowIndex::same(const Primitive& other) const {
  auto* o = dynamic_cast<const NarrowIndex*>(&other);
  return o && o->extent_ == extent_ && o->name() == name();
}

bool OneHot::same(const Primitive& other) const {
  auto* o = dynamic_cast<const OneHot*>(&other);
  return o && o->classes_ == classes_ && o->dtype_ == dtype_;
}

Tensor index_i32(const Tensor& index, int64_t extent, const char* op) {
  if (index.dtype() == Dtype::i32) return index;
  if (index.dtype() != Dtype::i64)
    throw std::invalid_argument(
        fmt::format("[{}] expected indices of dtype i32 or i64, got {}", op, index.str()));
  return Tensor::output_of(std::make_shared<NarrowIndex>(op, extent), {index});
}

Tensor gather(const Tensor& x, const Tensor& index, int axis) {
  axis = x.shape().normalize(axis);
  return Tensor::output_of(
      std::make_shared<Gather>(axis), {x, index_i32(index, x.dim(axis), "gather")});
}

Tensor scatter_add(const Tensor& x, const Tensor& index, const Tensor& src, int axis) {
  axis = x.shape().normalize(axis);
  return x + gather_grad(src, index_i32(index, x.dim(axis), "scatter_add"), x.shape(), axis);
}

Tensor take(const Tensor& x, const Tensor& index, int axis) {
  axis = x.shape().normalize(axis);
  return Tensor::output_of(
      std::make_shared<Take>(axis), {x, index_i32(index, x.dim(axis), "take")});
}

Tensor index_add(const Tensor& x, const Tensor& index, const Tensor& src, int axis) {
  axis = x.shape().normalize(axis);
  return x + take_grad(src, index_i32(index, x.dim(axis), "index_add"), x.shape(), axis);
}

Tensor embedding(const Tensor& table, const Tensor& ids) {
  if (table.rank() != 2)
    throw std::invalid_argument(
        fmt::format("[embedding] expected a table (rows, D), got shape {}", table.shape().str()));
  return take(table, ids, 0);
}

Tensor one_hot(const Tensor& ids, int64_t classes, Dtype dtype) {
  return Tensor::output_of(
      std::make_shared<OneHot>(classes, dtype), {index_i32(ids, classes, "one_hot")});
}

}  // namespace fovea
