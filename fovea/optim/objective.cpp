#include "fovea/optim/objective.h"

#include <stdexcept>

#include <fmt/format.h>

#include "fovea/autograd/transforms.h"
#include "fovea/core/errors.h"
#include "fovea/core/eval.h"
#include "fovea/core/node.h"

namespace fovea::optim {

namespace {

void append(std::vector<double>& numbers, const Tensor& t) {
  if (t.eval().dtype() == Dtype::f64) {
    const auto values = t.data<double>();
    numbers.insert(numbers.end(), values.begin(), values.end());
  } else {
    const auto values = t.data<float>();
    numbers.insert(numbers.end(), values.begin(), values.end());
  }
}

std::vector<double> flatten(const std::vector<Tensor>& tensors) {
  std::vector<double> numbers;
  for (const Tensor& t : tensors) append(numbers, t);
  return numbers;
}

template <class T>
Tensor tensor_of(const double* numbers, const Tensor& like) {
  return Tensor::from(std::vector<T>(numbers, numbers + like.numel()), like.shape(), like.device());
}

Tensor tensor_like(const double* numbers, const Tensor& like) {
  return like.dtype() == Dtype::f64 ? tensor_of<double>(numbers, like)
                                    : tensor_of<float>(numbers, like);
}

Tensor scalar(const Objective& f, const Tree& params) {
  Tensor loss = f(params);
  if (loss.numel() != 1)
    throw std::invalid_argument(
        fmt::format("[objective] expected a scalar, got shape {}", loss.shape().str()));
  return loss;
}

}  // namespace

std::vector<double> flatten(const Tree& tree) {
  for (const auto& [name, t] : tree)
    if (t.dtype() != Dtype::f32 && t.dtype() != Dtype::f64)
      throw std::invalid_argument(
          fmt::format("[objective] expected f32 or f64 parameters, got {} {}", name, t.str()));
  return flatten(values_of(tree));
}

Tree unflatten(const std::vector<double>& numbers, const Tree& like) {
  FOVEA_ASSERT(int64_t(numbers.size()) == numel_of(like));
  Tree tree;
  const double* at = numbers.data();
  for (const auto& [name, t] : like) {
    tree.emplace(name, tensor_like(at, t));
    at += t.numel();
  }
  return tree;
}

ValueAndSlope value_and_slope(const Objective& f, const Tree& params) {
  std::vector<Tensor> leaves = values_of(params);
  eval(leaves);
  TraceScope trace(leaves);
  const Tensor loss = scalar(f, params);
  std::vector<Tensor> all = grad(loss, leaves);
  all.push_back(loss);
  eval(all);
  all.pop_back();
  return {loss.item<double>(), flatten(all)};
}

std::vector<double> hessian(const Objective& f, const Tree& params) {
  const auto n = size_t(numel_of(params));
  if (n > 4096)
    throw std::invalid_argument(fmt::format(
        "[hessian] expected at most 4096 parameters, got {}; L-BFGS needs no such matrix", n));
  std::vector<Tensor> leaves = values_of(params);
  eval(leaves);
  TraceScope trace(leaves);
  const std::vector<Tensor> slopes = grad(scalar(f, params), leaves);
  eval(slopes);
  std::vector<double> h;
  for (const Tensor& slope : slopes)
    for (int64_t i = 0; i < slope.numel(); ++i) {
      std::vector<double> unit(size_t(slope.numel()), 0);
      unit[size_t(i)] = 1;
      const std::vector<Tensor> row = grad(slope, leaves, tensor_like(unit.data(), slope));
      eval(row);
      for (const Tensor& t : row) append(h, t);
    }
  for (size_t i = 0; i < n; ++i)
    for (size_t j = 0; j < i; ++j) h[i * n + j] = h[j * n + i] = (h[i * n + j] + h[j * n + i]) / 2;
  return h;
}

}  // namespace fovea::optim
