#include "fovea/train/probe.h"

#include <cmath>
#include <numeric>

#include <fmt/format.h>

#include "fovea/core/eval.h"
#include "fovea/data/balance.h"
#include "fovea/data/split.h"
#include "fovea/nn/grad.h"
#include "fovea/nn/linear.h"
#include "fovea/ops/elementwise.h"
#include "fovea/ops/index.h"
#include "fovea/ops/loss.h"
#include "fovea/ops/matmul.h"
#include "fovea/ops/reduce.h"
#include "fovea/ops/shape.h"
#include "fovea/optim/adamw.h"

namespace fovea::train {

namespace {

double top1(const Tensor& scores, const Tensor& labels) {
  const Tensor guess = argmax(scores, 1).eval();
  auto a = guess.data<int32_t>(), b = labels.data<int32_t>();
  int64_t right = 0;
  for (size_t i = 0; i < a.size(); ++i) right += a[i] == b[i];
  return double(right) / double(std::max<size_t>(a.size(), 1));
}

Tensor loss_of(const Tensor& scores, const Tensor& labels, const ProbeOptions& o) {
  return o.loss == ProbeLoss::svm ? multiclass_hinge(scores, labels)
                                  : classification_loss(scores, labels, o.softmax);
}

// One linear layer, trained on normalised codes.
nn::Linear trained(
    const Tensor& codes,
    const Tensor& labels,
    int64_t classes,
    double decay,
    const ProbeOptions& o) {
  nn::Linear layer({.in = codes.dim(1), .out = classes, .init = nn::normal(0.01)});
  nn::initialize(layer, o.key);
  constexpr double first_rate = 1e-2;
  optim::AdamW optimizer({.lr = first_rate, .weight_decay = decay / first_rate});
  const int64_t n = codes.dim(0), batches = (n + o.batch - 1) / o.batch;
  const int64_t steps = batches * o.epochs;
  std::vector<std::vector<int64_t>> by_class(static_cast<size_t>(classes));
  for (int64_t i = 0; i < n; ++i) by_class[size_t(labels.data<int32_t>()[size_t(i)])].push_back(i);
  for (int64_t step = 0; step < steps; ++step) {
    const int64_t epoch = step / batches, at = step % batches * o.batch;
    const Key key = o.key.fold_in(uint64_t(epoch));
    const auto order =
        o.balance ? data::draw_balanced(by_class, n, key) : data::permutation(n, key);
    std::vector<int32_t> rows;
    for (int64_t i = at; i < std::min(at + o.batch, n); ++i)
      rows.push_back(int32_t(order[size_t(i)]));
    const Tensor index = Tensor::from<int32_t>(rows, {int64_t(rows.size())});
    const Tensor x = embedding(codes, index), y = gather(labels, index, 0);
    optimizer.set_lr(first_rate * 0.5 * (1 + std::cos(M_PI * double(step) / double(steps))));
    nn::LossAndGrad r = nn::value_and_grad(
        layer, {}, [&](nn::Ctx& c) { return loss_of(nn::forward(layer, x, c), y, o); });
    Tree parameters = nn::parameters(layer);
    optimizer.step(parameters, r.grads);
    nn::assign(layer, parameters);
    std::vector<Tensor> changed = values_of(parameters);
    for (const Tensor& t : values_of(optimizer.state())) changed.push_back(t);
    eval(changed);
  }
  return layer;
}

}  // namespace

Probe fit_probe(const Codes& train, const Codes* val, int64_t classes, const ProbeOptions& o) {
  if (o.weight_decay.empty() || o.epochs < 1 || o.batch < 1 || classes < 2)
    throw std::invalid_argument(fmt::format(
        "[probe] expected a weight decay, epochs and a batch of at least 1 and 2 classes, got {}, "
        "{}, {} and {}",
        o.weight_decay.size(),
        o.epochs,
        o.batch,
        classes));
  if (o.loss == ProbeLoss::svm && (!o.softmax.class_weights.empty() || o.softmax.focal_gamma))
    throw std::invalid_argument(
        "[probe] the hinge loss of an svm takes neither class weights nor a focal gamma; the "
        "softmax does, and data.sampler=weighted is for both");
  const Tensor centre = mean(train.values, {0}).eval();
  const Tensor width = sqrt(var(train.values, {0}) + 1e-8f).eval();
  const Tensor codes = ((train.values - centre) / width).eval();
  Probe best;
  for (double decay : o.weight_decay) {
    nn::Linear layer = trained(codes, train.labels, classes, decay, o);
    const Tree learnt = nn::parameters(layer);
    Probe p{.weight_decay = decay};
    p.weight = (learnt.at("weight") / width).eval();
    p.bias = (learnt.at("bias") - sum(p.weight * centre, {1})).eval();
    auto judge = [&](const Codes& c) {
      return top1(linear(c.values, p.weight, p.bias).eval(), c.labels);
    };
    p.train_top1 = judge(train);
    if (val) p.val_top1 = judge(*val);
    if (best.weight.is_empty() || (val && *p.val_top1 > *best.val_top1)) best = p;
  }
  return best;
}

}  // namespace fovea::train
