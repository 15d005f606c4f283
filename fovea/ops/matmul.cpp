#include "fovea/ops/matmul.h"

#include <fmt/format.h>

#include "fovea/ops/elementwise.h"
#include "fovea/ops/operands.h"
#include "fovea/ops/reduce.h"
#include "fovea/ops/shape.h"

namespace fovea {

namespace {

Tensor product(const Tensor& a, const Tensor& b, const MatmulOptions& o) {
  if (a.rank() > 2 && b.rank() == 2 && !o.transpose_a) {
    // One tall product instead of many that share b.
    Shape leading = a.shape().without(-1);
    Tensor y = product(reshape(a, Shape{leading.numel(), a.dim(-1)}), b, o);
    leading.push_back(y.dim(-1));
    return reshape(y, leading);
  }
  return Tensor::output_of(std::make_shared<Matmul>(o), {a, b});
}

Tensor summed_rows(const Tensor& t) {
  std::vector<int> axes;
  for (int i = 0; i + 1 < t.rank(); ++i) axes.push_back(i);
  return sum(t, axes);
}

}  // namespace

Shape batch_shape(const Shape& s) {
  return Shape(std::span<const int64_t>(s.begin(), size_t(s.rank() - 2)));
}

Matmul::Extents Matmul::extents(std::span<const Tensor> in) const {
  const Tensor &a = in[0], &b = in[1];
  return {
      a.dim(o_.transpose_a ? -1 : -2),
      a.dim(o_.transpose_a ? -2 : -1),
      b.dim(o_.transpose_b ? -2 : -1)};
}

std::vector<Spec> Matmul::infer(std::span<const Tensor> in) const {
  const Tensor &a = in[0], &b = in[1];
  auto side = [](bool transposed, const char* plain, const char* flipped) {
    return transposed ? flipped : plain;
  };
  if (a.rank() < 2 || b.rank() < 2)
    throw std::invalid_argument(fmt::format(
        "[matmul] expected tensors with one axis or more, got {} and {}; use * to scale",
        a.str(),
        b.str()));
  if (a.dtype() != b.dtype() || (a.dtype() != Dtype::f32 && a.dtype() != Dtype::f64))
    throw std::invalid_argument(fmt::format(
        "[matmul] expected two f32 or two f64 tensors, got {} and {}; cast them",
        a.str(),
        b.str()));
  auto [m, k, n] = extents(in);
  if (int64_t kb = b.dim(o_.transpose_b ? -1 : -2); kb != k)
    throw std::invalid_argument(fmt::format(
        "[matmul] expected equal inner extents, got {} in a {} {} and {} in b {} {}",
        k,
        side(o_.transpose_a, "(..., M, K)", "(..., K, M)"),
        a.shape().str(),
        kb,
        side(o_.transpose_b, "(..., K, N)", "(..., N, K)"),
        b.shape().str()));
  if (in.size() > 2 && (!(in[2].shape() == Shape{n}) || in[2].dtype() != a.dtype()))
    throw std::invalid_argument(fmt::format(
        "[linear] expected a bias {} {} for weights {}, got {}",
        name_of(a.dtype()),
        Shape{n}.str(),
        b.shape().str(),
        in[2].str()));
  Shape shape = broadcast(batch_shape(a.shape()), batch_shape(b.shape()), "matmul");
  shape.push_back(m);
  shape.push_back(n);
  return {{shape, a.dtype()}};
}

std::vector<Tensor> Matmul::vjp(
    std::span<const Tensor> in,
    std::span<const Tensor>,
    std::span<const Tensor> dout,
    std::span<const int> wanted) const {
  const Tensor &a = in[0], &b = in[1], &dy = dout[0];
  const bool ta = o_.transpose_a, tb = o_.transpose_b;
  std::vector<Tensor> grads;
  for (int i : wanted) {
    if (i == 0) {
      Tensor da = ta ? product(b, dy, {.transpose_a = tb, .transpose_b = true})
                     : product(dy, b, {.transpose_b = !tb});
      grads.push_back(sum_to(da, a.shape()));
    } else if (i == 1) {
      Tensor db = tb ? product(dy, a, {.transpose_a = true, .transpose_b = ta})
                     : product(a, dy, {.transpose_a = !ta});
      grads.push_back(sum_to(db, b.shape()));
    } else {
      grads.push_back(summed_rows(dy));
    }
  }
  return grads;
}

bool Matmul::same(const Primitive& other) const {
  auto* o = dynamic_cast<const Matmul*>(&other);
  return o && o->o_ == o_;
}

Cost Matmul::cost(std::span<const Tensor> in, std::span<const Tensor> out) const {
  Cost cost = Primitive::cost(in, out);
  cost.flops = 2.0 * double(out[0].numel()) * double(extents(in).k);
  return cost;
}

Tensor matmul(const Tensor& a, const Tensor& b, const MatmulOptions& o) {
  auto [x, y] = operands(a, b);
  const bool row = x.rank() == 1, column = y.rank() == 1;
  if (row) x = reshape(x, o.transpose_a ? Shape{x.numel(), 1} : Shape{1, x.numel()});
  if (column) y = reshape(y, o.transpose_b ? Shape{1, y.numel()} : Shape{y.numel(), 1});
  Tensor c = product(x, y, o);
  if (row) c = squeeze(c, -2);
  if (column) c = squeeze(c, -1);
  return c;
}

namespace {

Tensor fully_connected(const Tensor& x, const Tensor& w, const Tensor* bias) {
  if (x.rank() < 1 || w.rank() != 2 || x.dim(-1) != w.dim(1))
    throw std::invalid_argument(fmt::format(
        "[linear] expected x (..., I) and w (O, I), got x {} and w {}",
        x.shape().str(),
        w.shape().str()));
  Shape leading = x.shape().without(-1);
  Tensor rows = reshape(x, Shape{leading.numel(), x.dim(-1)});
  MatmulOptions o{.transpose_b = true};
  std::vector<Tensor> inputs{rows, w};
  if (bias) inputs.push_back(*bias);
  Tensor y = Tensor::output_of(std::make_shared<Matmul>(o), std::move(inputs));
  leading.push_back(w.dim(0));
  return reshape(y, leading);
}

}  // namespace

Tensor linear(const Tensor& x, const Tensor& w) { return fully_connected(x, w, nullptr); }

Tensor linear(const Tensor& x, const Tensor& w, const Tensor& bias) {
  return fully_connected(x, w, &bias);
}

}  // namespace fovea
