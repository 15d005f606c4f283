#include "fovea/autograd/transforms.h"

#include <gtest/gtest.h>

#include "fovea/autograd/gradcheck.h"
#include "fovea/core/allocator.h"
#include "fovea/core/eval.h"
#include "fovea/ops/create.h"
#include "fovea/ops/elementwise.h"
#include "fovea/ops/matmul.h"
#include "fovea/ops/reduce.h"
#include "fovea/ops/shape.h"
#include "tests/support/check_op.h"

namespace fovea {
namespace {

using test::message_of;
using test::random_input;

using Values = std::vector<float>;

Tensor number(double value) { return Tensor::from<double>({value}, {}); }

TEST(Backward, GivesZerosWhereNothingDepends) {
  Tensor x = ones({2, 3}), y = ones({3}), ids = Tensor::from<int32_t>({1}, {1});
  std::vector<Tensor> grads = grad(sum(x), std::vector<Tensor>{x, y});
  EXPECT_EQ(grads[1].to_vector(), Values(3, 0));
  EXPECT_EQ(grad(sum(sign(x)), x).to_vector(), Values(6, 0));
  EXPECT_EQ(grad(sum(cast(ids, Dtype::f32)), ids).dtype(), Dtype::i32);
}

TEST(Backward, FollowsIntermediateValues) {
  Tensor x = number(2), y = x * 3, z = y * y;
  std::vector<Tensor> grads = grad(z, std::vector<Tensor>{z, y, x});
  EXPECT_EQ(grads[0].item(), 1);
  EXPECT_EQ(grads[1].item(), 12);
  EXPECT_EQ(grads[2].item(), 36);
}

TEST(Backward, AddsUpSeveralOutputs) {
  Tensor x = random_input({3}, 1);
  std::vector<Tensor> outputs{x * 2, x * x}, douts{full({3}, 10), ones({3})};
  Tensor g = backward(outputs, douts, std::span(&x, 1))[0];
  EXPECT_LE(test::relative_error(g, 20 + x * 2), 1e-6);
}

TEST(Backward, NamesWhatIsWrong) {
  Tensor x = ones({2});
  EXPECT_EQ(
      message_of([&] { grad(x * 2, x); }),
      "[backward] expected a scalar loss, got shape (2); give the gradient of each output");
  EXPECT_EQ(
      message_of([&] { backward(std::span(&x, 1), {}, std::span(&x, 1)); }),
      "[backward] expected one gradient per output, got 0 for 1");
}

class NoGradient : public Primitive {
 public:
  std::string_view name() const override { return "one_way"; }
  Kind kind() const override { return Kind::heavy; }
  std::vector<Spec> infer(std::span<const Tensor> in) const override {
    return {{in[0].shape(), in[0].dtype()}};
  }
};

TEST(Backward, SaysWhichOpHasNoGradient) {
  Tensor x = ones({}), y = Tensor::output_of(std::make_shared<NoGradient>(), {x});
  EXPECT_EQ(
      message_of([&] { grad(y, x); }),
      "[one_way] has no gradient; use stop_gradient on its result or another op");
}

TEST(StopGradient, PassesValuesOnly) {
  Tensor x = number(3);
  EXPECT_EQ(grad(x * stop_gradient(x), x).item(), 3);
  EXPECT_EQ(stop_gradient(x).item(), 3);
}

TEST(SecondDerivatives, AreGradientsOfGradients) {
  Tensor x = number(2), y = number(5);
  Tensor slope = grad(x * x * x * y, x);
  EXPECT_EQ(grad(slope, x).item(), 60);                            // 6 x y
  EXPECT_EQ(grad(grad(x * x * x * y, x), y).item(), 12);           // 3 x^2
  EXPECT_EQ(grad(grad(grad(x * x * x * y, x), x), x).item(), 30);  // 6 y
}

// The penalty of Gulrajani et al. 2017: a loss that holds the norm of a gradient.
TEST(SecondDerivatives, OfAGradientPenalty) {
  Fn penalty = [](std::span<const Tensor> in) {
    Tensor score = sum(tanh(matmul(in[0], in[1])));
    Tensor norm = sqrt(sum(square(grad(score, in[0])), {1}));
    return std::vector<Tensor>{mean(square(norm - 1))};
  };
  std::vector<Tensor> inputs{random_input({3, 4}, 1), random_input({4, 2}, 2)};
  GradCheck check = gradcheck(penalty, inputs);
  EXPECT_LE(check.max_rel_err, 1e-6) << check.where;
}

TEST(Vjp, MultipliesWithTheJacobian) {
  Fn f = [](std::span<const Tensor> in) { return std::vector<Tensor>{in[0] * in[1], in[0] + 1}; };
  std::vector<Tensor> primals{full({2}, 3), full({2}, 5)}, douts{full({2}, 10), ones({2})};
  Vjp r = vjp(f, primals, douts);
  EXPECT_EQ(r.values[0].to_vector(), Values(2, 15));
  EXPECT_EQ(r.grads[0].to_vector(), Values(2, 51));
  EXPECT_EQ(r.grads[1].to_vector(), Values(2, 30));
}

// Code that looks at values on the way, as sampling and matching do.
TEST(Vjp, FollowsValuesEvaluatedOnTheWay) {
  Fn f = [](std::span<const Tensor> in) {
    Tensor y = in[0] * in[0];
    double biggest = max(y).item<double>();
    return std::vector<Tensor>{sum(y * biggest)};
  };
  Tensor x = Tensor::from<float>({1, 3}, {2});
  std::vector<Tensor> douts{Tensor()};
  EXPECT_EQ(vjp(f, std::span(&x, 1), douts).grads[0].to_vector(), (Values{18, 54}));
}

TEST(CustomVjp, ReplacesTheGradient) {
  // The straight-through estimator (Bengio et al. 2013): round forward, nothing backward.
  Fn f = custom_vjp(
      [](std::span<const Tensor> in) { return std::vector<Tensor>{round(in[0])}; },
      [](std::span<const Tensor>, std::span<const Tensor>, std::span<const Tensor> dout) {
        return std::vector<Tensor>{dout[0]};
      });
  Tensor x = Tensor::from<float>({0.4f, 1.6f}, {2});
  Tensor y = f(std::span(&x, 1))[0];
  EXPECT_EQ(grad(sum(y * 3), x).to_vector(), Values(2, 3));
  EXPECT_EQ(y.to_vector(), (Values{0, 2}));
}

TEST(CustomVjp, RuleSeesInputsOutputsAndTheirGradients) {
  Fn f = custom_vjp(
      [](std::span<const Tensor> in) {
        return std::vector<Tensor>{exp(in[0]), in[1] * 2};
      },
      [](std::span<const Tensor> in, std::span<const Tensor> out, std::span<const Tensor> dout) {
        EXPECT_EQ(in.size(), 2u);
        EXPECT_TRUE(dout[1].is_empty());  // nobody asked for that output
        return std::vector<Tensor>{out[0] * dout[0], Tensor()};
      });
  std::vector<Tensor> in{random_input({3}, 1), random_input({3}, 2)};
  std::vector<Tensor> grads = grad(sum(f(in)[0]), in);
  EXPECT_LE(test::relative_error(grads[0], exp(in[0])), 1e-6);
  EXPECT_EQ(grads[1].to_vector(), Values(3, 0));
}

TEST(CustomVjp, DifferentiatesThroughItsRule) {
  Fn cube = custom_vjp(
      [](std::span<const Tensor> in) { return std::vector<Tensor>{in[0] * in[0] * in[0]}; },
      [](std::span<const Tensor> in, std::span<const Tensor>, std::span<const Tensor> dout) {
        return std::vector<Tensor>{dout[0] * 3 * square(in[0])};
      });
  Tensor x = number(2);
  EXPECT_EQ(grad(grad(cube(std::span(&x, 1))[0], x), x).item(), 12);
}

TEST(CustomVjp, ChecksWhatTheRuleGives) {
  auto with_rule = [](std::vector<Tensor> answer) {
    return custom_vjp(
        [](std::span<const Tensor> in) { return std::vector<Tensor>{sum(in[0])}; },
        [=](std::span<const Tensor>, std::span<const Tensor>, std::span<const Tensor>) {
          return answer;
        });
  };
  Tensor x = ones({3});
  auto differentiate = [&](const Fn& f) { grad(f(std::span(&x, 1))[0], x); };
  EXPECT_EQ(
      message_of([&] { differentiate(with_rule({})); }),
      "[custom_vjp] expected 1 gradients from the rule, got 0");
  EXPECT_EQ(
      message_of([&] { differentiate(with_rule({ones({2})})); }),
      "a gradient of shape (2) came back for a value of shape (3)");
}

std::vector<Tensor> block(std::span<const Tensor> in) {
  Tensor y = in[0];
  for (int i = 0; i < 8; ++i) y = tanh(y * in[1]);
  return {y};
}

TEST(Checkpoint, ChangesNoValueAndNoGradient) {
  std::vector<Tensor> in{random_input({5, 7}, 1), random_input({7}, 2)};
  for (EvalMode mode : {EvalMode::lazy, EvalMode::eager}) {
    EvalModeScope scope(mode);
    std::vector<Tensor> douts{random_input({5, 7}, 3)};
    Vjp plain = vjp(block, in, douts), again = vjp(checkpoint(block), in, douts);
    EXPECT_EQ(plain.values[0].to_vector(), again.values[0].to_vector());
    for (size_t i = 0; i < 2; ++i)
      EXPECT_EQ(plain.grads[i].to_vector(), again.grads[i].to_vector());
  }
}

TEST(Checkpoint, ComputesAgainInTheBackwardPass) {
  int calls = 0;
  Fn f = checkpoint([&](std::span<const Tensor> in) {
    ++calls;
    return block(in);
  });
  std::vector<Tensor> in{random_input({5, 7}, 1), random_input({7}, 2)};
  Tensor y = sum(f(in)[0]);
  EXPECT_EQ(calls, 1);
  grad(y, in);
  EXPECT_EQ(calls, 2);
}

TEST(Checkpoint, DifferentiatesTwice) {
  std::vector<Tensor> in{random_input({2, 3}, 1), random_input({3}, 2)};
  GradCheck check = gradcheck_twice(checkpoint(block), in);
  EXPECT_LE(check.max_rel_err, 1e-5) << check.where;
}

TEST(Checkpoint, HoldsFewerValues) {
  std::vector<Tensor> in{random_input({1 << 18}, 1), random_input({1 << 18}, 2)};
  auto peak_of = [&](const Fn& f) {
    int64_t before = host_allocator().stats().live;
    host_allocator().reset_peak();
    Tensor y = in[0];
    for (int i = 0; i < 6; ++i) y = f(std::vector<Tensor>{y, in[1]})[0];
    eval(grad(sum(y), in));
    return host_allocator().stats().peak - before;
  };
  int64_t plain = peak_of(block), again = peak_of(checkpoint(block));
  EXPECT_LT(again, plain / 2);
}

}  // namespace
}  // namespace fovea
