#pragma once

#include "fovea/core/primitive.h"

// Parts of a tensor named by other tensors. Indices are i32 or i64; one outside 0..extent-1 is an
// error when the op runs, naming where it stands and what it is.
namespace fovea {

// y[i][j] = x[index[i][j]][j] for axis 0, and so on; the shape is that of `index`, whose extents on
// the other axes must not exceed x's (torch.gather).
Tensor gather(const Tensor& x, const Tensor& index, int axis);

// x with src[i][j] added at [index[i][j]][j] for axis 0, and so on; src has the shape of `index`.
Tensor scatter_add(const Tensor& x, const Tensor& index, const Tensor& src, int axis);

// Whole positions of one axis, which `index` of any shape replaces:
// x (A, n, B), index (k, l), axis 1 -> (A, k, l, B).
Tensor take(const Tensor& x, const Tensor& index, int axis = 0);

// x with the positions of src added where take would read them from.
Tensor index_add(const Tensor& x, const Tensor& index, const Tensor& src, int axis = 0);

// Rows of table (rows, D): ids of any shape (...) -> (..., D).
Tensor embedding(const Tensor& table, const Tensor& ids);

// 1 at the named class, 0 elsewhere: ids (...) -> (..., classes).
Tensor one_hot(const Tensor& ids, int64_t classes, Dtype dtype = Dtype::f32);

// What the kernels take: i32 indices. Those that come as i64 are checked against 0..extent-1 before
// they are narrowed, as `op`, so that none wraps around. Throws for other dtypes.
Tensor index_i32(const Tensor& index, int64_t extent, const char* op);

// Inputs x and index.
class Gather : public Primitive {
 public:
  explicit Gather(int axis) : axis_(axis) {}
  int axis() const { return axis_; }

  std::string_view name() const override { return "gather"; }
  Kind kind() const override { return Kind::reduce; }
  std::vector<Spec> infer(std::span<const Tensor> in) const override;
  std::vector<Tensor> vjp(
      std::span<const Tensor> in,
      std::span<const Tensor> out,
      std::span<const Tensor> dout,
      std::span<const int> wanted) const override;
  bool same(const Primitive& other) const override;
  size_t hash() const override { return 310 + size_t(axis_); }

 private:
  int axis_;
};

// The adjoint of Gather: inputs src and index; zeros of shape `to` with src added.
class GatherGrad : public Primitive {
 public:
  GatherGrad(const Shape& to, int axis) : to_(to), axis_(axis) {}
  int axis() const { return axis_; }

  std::string_view name() const override { return "scatter_add"; }
  Kind kind() const override { return Kind::reduce; }
  std::vector<Spec> infer(std::span<const Tensor> in) const override;
  std::vector<Tensor> vjp(
      std::span<const Tensor> in,
      std::span<const Tensor> out,
      std::span<const Tensor> dout,
      std::span<const int> wanted) const override;
  bool same(const Primitive& other) const override;
  size_t hash() const override { return 320 + size_t(axis_); }

 private:
  Shape to_;
  int axis_;
};

// Inputs x and index.
class Take : public Primitive {
 public:
  explicit Take(int axis) : axis_(axis) {}
  int axis() const { return axis_; }

  std::string_view name() const override { return "take"; }
  Kind kind() const override { return Kind::reduce; }
  std::vector<Spec> infer(std::span<const Tensor> in) const override;
  std::vector<Tensor> vjp(
      std::span<const Tensor> in,
      std::span<const Tensor> out,
      std::span<const Tensor> dout,
      std::span<const int> wanted) const override;
  bool same(const Primitive& other) const override;
  size_t hash() const override { return 330 + size_t(axis_); }

 private:
  int axis_;
};

// The adjoint of Take: inputs src and index; zeros of shape `to` with src added.
class TakeGrad : public Primitive {
 public:
  TakeGrad(const Shape& to, int axis) : to_(to), axis_(axis) {}
  int axis() const { return axis_; }

  std::string_view name() const override { return "index_add"; }
  Kind kind() const override { return Kind::reduce; }
  std::vector<Spec> infer(std::span<const Tensor> in) const override;
  std::vector<Tensor> vjp(
      std::span<const Tensor> in,
      std::span<const Tensor> out,
      std::span<const Tensor> dout,
      std::span<const int> wanted) const override;
  bool same(const Primitive& other) const override;
  size_t hash() const override { return 340 + size_t(axis_); }

 private:
  Shape to_;
  int axis_;
};

// Input an index i64; the same as i32. Runs under the name of the op it is for.
class NarrowIndex : public Primitive {
 public:
  NarrowIndex(const char* op, int64_t extent) : op_(op), extent_(extent) {}
  int64_t extent() const { return extent_; }

  std::string_view name() const override { return op_; }
  Kind kind() const override { return Kind::elementwise; }
  std::vector<Spec> infer(std::span<const Tensor> in) const override;
  bool same(const Primitive& other) const override;
  size_t hash() const override { return 360 + size_t(extent_); }

 private:
  const char* op_;
  int64_t extent_;
};

class OneHot : public Primitive {
 public:
  OneHot(int64_t classes, Dtype dtype) : classes_(classes), dtype_(dtype) {}

  std::string_view name() const override { return "one_hot"; }
  Kind kind() const override { return Kind::reduce; }
  std::vector<Spec> infer(std::span<const Tensor> in) const override;
  bool same(const Primitive& other) const override;
  size_t hash() const override { return 350; }

 private:
  int64_t classes_;
  Dtype dtype_;
};

}  // namespace fovea
