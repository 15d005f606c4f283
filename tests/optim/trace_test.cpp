// Two hundred steps of every optimiser beside PyTorch's; see scripts/fixtures/optim.py.

#include <algorithm>

#include <gtest/gtest.h>

#include "fovea/autograd/transforms.h"
#include "fovea/core/eval.h"
#include "fovea/core/node.h"
#include "fovea/ops/elementwise.h"
#include "fovea/ops/join.h"
#include "fovea/ops/loss.h"
#include "fovea/ops/matmul.h"
#include "fovea/ops/shape.h"
#include "fovea/ops/slice.h"
#include "fovea/optim/clip.h"
#include "fovea/optim/factory.h"
#include "tests/support/check_op.h"
#include "tests/support/fixture_tensors.h"

namespace fovea::optim {

namespace {

struct Case {
  std::string name;
  Settings settings;
};

const std::vector<Case>& cases() {
  static const std::vector<Case> all{
      {"sgd", {{"name", "sgd"}, {"lr", "0.1"}}},
      {"sgd_decay", {{"name", "sgd"}, {"lr", "0.1"}, {"weight_decay", "0.05"}}},
      {"sgd_momentum", {{"name", "sgd"}, {"lr", "0.05"}, {"momentum", "0.9"}}},
      {"sgd_dampening",
       {{"name", "sgd"},
        {"lr", "0.1"},
        {"momentum", "0.9"},
        {"dampening", "0.5"},
        {"weight_decay", "0.01"}}},
      {"sgd_nesterov",
       {{"name", "sgd"},
        {"lr", "0.05"},
        {"momentum", "0.9"},
        {"nesterov", "true"},
        {"weight_decay", "0.001"}}},
      {"sgd_groups",
       {{"name", "sgd"},
        {"lr", "0.05"},
        {"momentum", "0.9"},
        {"weight_decay", "0.01"},
        {"groups", "*.bias lr_scale=2 weight_decay=0"}}},
      {"adagrad", {{"name", "adagrad"}, {"lr", "0.1"}}},
      {"adagrad_decay",
       {{"name", "adagrad"}, {"lr", "0.1"}, {"eps", "1e-10"}, {"weight_decay", "0.01"}}},
      {"rmsprop", {{"name", "rmsprop"}}},
      {"rmsprop_momentum",
       {{"name", "rmsprop"}, {"lr", "0.005"}, {"alpha", "0.9"}, {"momentum", "0.9"}}},
      {"rmsprop_centered", {{"name", "rmsprop"}, {"alpha", "0.9"}, {"centered", "true"}}},
      {"rmsprop_all",
       {{"name", "rmsprop"},
        {"lr", "0.005"},
        {"alpha", "0.95"},
        {"centered", "true"},
        {"momentum", "0.5"},
        {"weight_decay", "0.01"}}},
      {"adadelta", {{"name", "adadelta"}}},
      {"adadelta_decay",
       {{"name", "adadelta"}, {"lr", "0.5"}, {"rho", "0.95"}, {"weight_decay", "0.01"}}},
      {"adam", {{"name", "adam"}, {"lr", "0.01"}}},
      {"adam_decay",
       {{"name", "adam"},
        {"lr", "0.01"},
        {"beta1", "0.8"},
        {"beta2", "0.99"},
        {"weight_decay", "0.1"}}},
      {"adamw", {{"name", "adamw"}, {"lr", "0.01"}}},
      {"adamw_decay",
       {{"name", "adamw"},
        {"lr", "0.02"},
        {"beta1", "0.8"},
        {"beta2", "0.99"},
        {"weight_decay", "0.2"}}},
      {"clip_norm", {{"name", "sgd"}, {"lr", "0.5"}}},
      {"clip_value", {{"name", "sgd"}, {"lr", "0.5"}}}};
  return all;
}

// The parameters after each recorded step, (23, 18), on this device in this dtype.
Tensor trace(const Case& c, const test::FixtureTensors& file, Device device, Dtype dtype) {
  auto on = [&](const std::string& name) { return cast(to_device(file[name], device), dtype); };
  Tensor x = on("x"), labels = to_device(file["labels"], device);
  Tree params{{"fc.weight", on("weight")}, {"fc.bias", on("bias")}};
  eval(values_of(params));
  auto optimizer = make_optimizer(c.settings);
  std::vector<int> recorded = file.ints("recorded");
  std::vector<Tensor> rows;
  for (int step = 0; step <= recorded.back(); ++step) {
    int64_t begin = step % 3 * 4;
    std::vector<Tensor> wanted = values_of(params);
    TraceScope scope(wanted);
    Tensor logits = matmul(slice(x, 0, {begin, begin + 4}), params.at("fc.weight"));
    Tensor loss =
        cross_entropy(logits + params.at("fc.bias"), slice(labels, 0, {begin, begin + 4}));
    std::vector<Tensor> g = grad(loss, wanted);
    Tree grads{{"fc.bias", g[0]}, {"fc.weight", g[1]}};
    if (c.name == "clip_norm") clip_grad_norm(grads, 0.1);
    if (c.name == "clip_value") clip_grad_value(grads, 0.05);
    optimizer->step(params, grads);
    eval(values_of(params));
    if (std::ranges::find(recorded, step) != recorded.end())
      rows.push_back(
          concat({reshape(params.at("fc.weight"), {15}), reshape(params.at("fc.bias"), {3})}, 0));
  }
  return cast(to_device(stack(rows, 0), {}), Dtype::f32).eval();
}

class Trace : public testing::TestWithParam<Case> {};

TEST_P(Trace, EqualsPyTorchInDouble) {
  test::FixtureTensors file("optim_traces.safetensors");
  Tensor got = trace(GetParam(), file, {Device::ref}, Dtype::f64);
  EXPECT_LT(test::relative_error(got, file[GetParam().name]), 2e-7);
}

TEST_P(Trace, EqualsPyTorchInFloat) {
  test::FixtureTensors file("optim_traces.safetensors");
  Tensor got = trace(GetParam(), file, {Device::cpu}, Dtype::f32);
  EXPECT_LT(test::relative_error(got, file[GetParam().name]), 1e-5);
}

INSTANTIATE_TEST_SUITE_P(Optimizers, Trace, testing::ValuesIn(cases()), [](const auto& i) {
  return i.param.name;
});

}  // namespace

}  // namespace fovea::optim
