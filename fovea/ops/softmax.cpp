#include "fovea/ops/softmax.h"

#include <numeric>

#include <fmt/format.h>

#include "fovea/ops/elementwise.h"
#include "fovea/ops/reduce.h"
#include "fovea/ops/shape.h"

namespace fovea {

namespace {

Tensor along(SoftmaxOp op, const Tensor& x, int axis) {
  int last = x.rank() - 1;
  auto primitive = std::make_shared<Softmax>(op);
  if (last < 0 || (axis = x.shape().normalize(axis)) == last)
    return Tensor::output_of(primitive, {x});
  std::vector<int> swapped(size_t(x.rank()));
  std::iota(swapped.begin(), swapped.end(), 0);
  std::swap(swapped[size_t(axis)], swapped[size_t(last)]);
  return transpose(Tensor::output_of(primitive, {transpose(x, swapped)}), swapped);
}

}  // namespace

Tensor softmax(const Tensor& x, int axis) { return along(SoftmaxOp::softmax, x, axis); }

Tensor log_softmax(const Tensor& x, int axis) { return along(SoftmaxOp::log_softmax, x, axis); }

Tensor logsumexp(const Tensor& x, int axis, const LogSumExpOptions& o) {
  Tensor y = along(SoftmaxOp::logsumexp, x, axis);
  return o.keep ? y : squeeze(y, axis);
}

std::string_view Softmax::name() const {
  static constexpr std::string_view names[] = {"softmax", "log_softmax", "logsumexp"};
  return names[size_t(op_)];
}

std::vector<Spec> Softmax::infer(std::span<const Tensor> in) const {
  const Tensor& x = in[0];
  bool real = x.dtype() == Dtype::f32 || x.dtype() == Dtype::f64;
  if (!real || x.rank() < 1 || x.dim(-1) == 0)
    throw std::invalid_argument(fmt::format(
        "[{}] expected f32 or f64 with one score or more along the axis, got {}", name(), x.str()));
  int last = x.rank() - 1;
  return {{op_ == SoftmaxOp::logsumexp ? x.shape().with(last, 1) : x.shape(), x.dtype()}};
}

std::vector<Tensor> Softmax::vjp(
    std::span<const Tensor> in,
    std::span<const Tensor> out,
    std::span<const Tensor> dout,
    std::span<const int>) const {
  const Tensor &x = in[0], &y = out[0], &dy = dout[0];
  switch (op_) {
    case SoftmaxOp::softmax:
      return {y * (dy - sum(dy * y, {-1}, {.keep = true}))};
    case SoftmaxOp::log_softmax:
      return {dy - exp(y) * sum(dy, {-1}, {.keep = true})};
    case SoftmaxOp::logsumexp:
      return {dy * exp(x - y)};
  }
  return {};
}

bool Softmax::same(const Primitive& other) const {
  auto* o = dynamic_cast<const Softmax*>(&other);
  return o && o->op_ == op_;
}

}  // namespace fovea
