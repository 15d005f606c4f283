#include "fovea/ops/chain.h"

#include <stdexcept>

#include <fmt/format.h>

#include "fovea/ops/elementwise.h"
#include "fovea/ops/index.h"
#include "fovea/ops/reduce.h"
#include "fovea/ops/shape.h"
#include "fovea/ops/slice.h"

namespace fovea {

namespace {

void check(const char* op, const Tensor& unary, const Tensor& pair) {
  const bool real = unary.dtype() == Dtype::f32 || unary.dtype() == Dtype::f64;
  const bool fits = unary.rank() == 3 && unary.dim(1) > 0 && unary.dim(2) > 0 &&
                    pair.shape() == Shape{unary.dim(-1), unary.dim(-1)};
  if (!real || !fits || pair.dtype() != unary.dtype())
    throw std::invalid_argument(fmt::format(
        "[{}] expected scores (N, T, C) and (C, C), f32 or f64, got {} and {}",
        op,
        unary.str(),
        pair.str()));
}

}  // namespace

std::vector<Spec> ChainDecode::infer(std::span<const Tensor> in) const {
  check("chain_decode", in[0], in[1]);
  return {{Shape{in[0].dim(0), in[0].dim(1)}, Dtype::i32}};
}

Tensor chain_score(const Tensor& unary, const Tensor& pair, const Tensor& labels) {
  check("chain_score", unary, pair);
  const int64_t length = unary.dim(1), classes = unary.dim(2);
  if (!(labels.shape() == Shape{unary.dim(0), length}))
    throw std::invalid_argument(fmt::format(
        "[chain_score] expected labels ({}, {}), got {}",
        unary.dim(0),
        length,
        labels.shape().str()));
  const Tensor y = index_i32(labels, classes, "chain_score");
  Tensor score = sum(squeeze(gather(unary, unsqueeze(y, -1), 2), -1), {-1});
  if (length == 1) return score;
  const Tensor from = slice(y, 1, {.start = 0, .stop = length - 1});
  const Tensor to = slice(y, 1, {.start = 1, .stop = length});
  return score + sum(take(reshape(pair, {classes * classes}), from * int(classes) + to), {-1});
}

Tensor chain_decode(const Tensor& unary, const Tensor& pair) {
  return Tensor::output_of(std::make_shared<ChainDecode>(), {unary, pair});
}

Tensor structured_hinge(
    const Tensor& unary,
    const Tensor& pair,
    const Tensor& labels,
    const StructuredHingeOptions& o) {
  check("structured_hinge", unary, pair);
  if (!(o.cost >= 0))
    throw std::invalid_argument(
        fmt::format("[structured_hinge] expected a cost of at least 0, got {}", o.cost));
  const Tensor right = chain_score(unary, pair, labels);
  const Tensor costly = unary + (1 - one_hot(labels, unary.dim(2), unary.dtype())) * o.cost;
  const Tensor worst = chain_decode(stop_gradient(costly), stop_gradient(pair));
  const Tensor losses = chain_score(costly, pair, worst) - right;
  if (o.reduction == Reduction::none) return losses;
  return o.reduction == Reduction::sum ? sum(losses) : mean(losses);
}

}  // namespace fovea
