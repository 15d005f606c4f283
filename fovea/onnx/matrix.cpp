#include "fovea/onnx/call.h"
#include "fovea/ops/elementwise.h"
#include "fovea/ops/matmul.h"

namespace fovea::onnx {

namespace {

using Values = std::vector<Value>;

void expect_float(const Call& c) {
  if (!is_float(c[0].dtype()))
    throw Unsupported("numbers of type " + std::string(name_of(c[0].dtype())));
}

Values multiply(const Call& c) {
  expect_float(c);
  return {{matmul(c[0].plain(), c[1].plain())}};
}

// y = alpha A B + beta C.
Values gemm(const Call& c) {
  expect_float(c);
  const Tensor a = c[0].plain(), b = c[1].plain();
  if (a.rank() != 2 || b.rank() != 2) throw std::invalid_argument("expected two matrices");
  const MatmulOptions o{
      .transpose_a = c.integer("transA", 0) != 0, .transpose_b = c.integer("transB", 0) != 0};
  const double alpha = c.number("alpha", 1), beta = c.number("beta", 1);
  if (!o.transpose_a && o.transpose_b && alpha == 1 && beta == 1 && c.has(2) &&
      c[2].tensor.shape() == Shape{b.dim(0)})
    return {{linear(a, b, c[2].tensor)}};
  Tensor y = matmul(a, b, o);
  if (alpha != 1) y = y * alpha;
  if (c.has(2)) y = y + (beta == 1 ? c[2].plain() : c[2].plain() * beta);
  return {{y}};
}

}  // namespace

std::vector<Operator> matrix_operators() {
  return {
      {"MatMul", multiply},
      {"Gemm", gemm, "alpha beta broadcast transA transB"},
  };
}

}  // namespace fovea::onnx
