#include "fovea/ops/loss.h"

#include <cmath>

#include <gtest/gtest.h>

#include "fovea/core/eval.h"
#include "fovea/formats/safetensors_tree.h"
#include "fovea/ops/create.h"
#include "fovea/ops/elementwise.h"
#include "fovea/ops/reduce.h"
#include "fovea/ops/softmax.h"
#include "tests/support/check_op.h"
#include "tests/support/test_data.h"

namespace fovea {

using test::check_op;
using test::int_input;
using test::message_of;
using test::random_input;
using test::relative_error;

namespace {

void expect_values(const Tensor& t, std::vector<double> expected, double tolerance) {
  std::vector<double> got = t.to_doubles();
  ASSERT_EQ(got.size(), expected.size());
  for (size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], expected[i], tolerance) << i;
}

// The course's three images (rows): scores of cat, car, frog, where each row's own class is right.
Tensor course_scores() {
  return Tensor::from({3.2f, 5.1f, -1.7f, 1.3f, 4.9f, 2.0f, 2.2f, 2.5f, -3.1f}, {3, 3});
}
Tensor course_labels() { return Tensor::from({0, 1, 2}, {3}); }

TEST(MulticlassHinge, GivesTheNumbersOfTheCourse) {
  Tensor s = course_scores(), y = course_labels();
  expect_values(multiclass_hinge(s, y, {.reduction = Reduction::none}), {2.9, 0, 12.9}, 1e-5);
  EXPECT_NEAR(multiclass_hinge(s, y).item(), 5.266667, 1e-5);
  expect_values(
      multiclass_hinge(s, y, {.squared = true, .reduction = Reduction::none}),
      {8.41, 0, 83.25},
      1e-4);
}

TEST(MulticlassHinge, StartsAtClassesMinusOneAndCanBeZero) {
  Tensor y = int_input({20}, 1, 0, 10);
  EXPECT_NEAR(multiclass_hinge(zeros({20, 10}), y).item(), 9, 1e-6);
  // A small change of a score that wins by more than the margin changes nothing, nor does doubling.
  Tensor won = Tensor::from({1.3f, 4.9f, 2.0f}, {1, 3}), car = Tensor::from({1}, {1});
  EXPECT_EQ(multiclass_hinge(won, car).item(), 0);
  EXPECT_EQ(multiclass_hinge(won + Tensor::from({0.0f, 0.01f, 0.0f}, {3}), car).item(), 0);
  EXPECT_EQ(multiclass_hinge(won * 2, car).item(), 0);
}

TEST(MulticlassHinge, AgreesWithReferenceAndNumericalGradients) {
  for (bool squared : {false, true})
    for (const Shape& shape : {Shape{0, 3}, Shape{1, 1}, Shape{5, 7}, Shape{2, 3, 13}})
      check_op(
          {.name = "multiclass_hinge " + shape.str(),
           .f = [squared](std::span<const Tensor> in) -> std::vector<Tensor> {
             return {
                 multiclass_hinge(in[0], in[1], {.squared = squared, .reduction = Reduction::sum})};
           },
           .inputs =
               {random_input(shape, 1, -2, 2),
                int_input(shape.without(shape.rank() - 1), 2, 0, int(shape.back()))},
           .second = squared});
}

TEST(CrossEntropy, GivesTheNumbersOfTheCourse) {
  Tensor losses = cross_entropy(course_scores(), course_labels(), {.reduction = Reduction::none});
  expect_values(losses, {2.0404, 0.0791, 6.1565}, 1e-4);
}

TEST(CrossEntropy, StartsAtLogOfTheClasses) {
  EXPECT_NEAR(cross_entropy(zeros({8, 10}), int_input({8}, 1, 0, 10)).item(), 2.302585, 1e-6);
}

TEST(CrossEntropy, IgnoresACommonShift) {
  Tensor s = course_scores(), y = course_labels();
  EXPECT_NEAR(cross_entropy(s + 1000, y).item(), cross_entropy(s, y).item(), 1e-4);
  EXPECT_EQ(cross_entropy(s * 1000, y, {.reduction = Reduction::none}).to_vector()[1], 0);
}

struct Terms {
  bool weights = false;
  double smoothing = 0;
  Reduction reduction = Reduction::mean;
};

TEST(CrossEntropy, AgreesWithReferenceAndNumericalGradients) {
  std::vector<Terms> all{
      {},
      {.reduction = Reduction::none},
      {.weights = true},
      {.smoothing = 0.1},
      {.weights = true, .smoothing = 0.3, .reduction = Reduction::sum}};
  for (const Terms& t : all) {
    for (const Shape& shape :
         {Shape{0, 3}, Shape{7}, Shape{1, 1}, Shape{5, 7}, Shape{3, 24}, Shape{2, 2, 3, 13}}) {
      std::vector<int32_t> labels(size_t(shape.numel() / shape.back()));
      for (size_t i = 0; i < labels.size(); ++i)
        labels[i] = i % 4 == 3 ? -100 : int32_t(i * 5 % size_t(shape.back()));
      Tensor weights = random_input({shape.back()}, 5, 0.2, 2);
      check_op(
          {.name = "cross_entropy " + shape.str(),
           .f = [=](std::span<const Tensor> in) -> std::vector<Tensor> {
             return {cross_entropy(
                 in[0],
                 in[1],
                 {.weights = t.weights ? to_device(weights, in[0].device()) : Tensor(),
                  .label_smoothing = t.smoothing,
                  .reduction = t.reduction})};
           },
           .inputs =
               {random_input(shape, 1, -3, 3),
                Tensor::from(labels, shape.without(shape.rank() - 1))},
           // one class has no gradient at all
           .gradient = shape.back() > 1,
           .second = true});
    }
  }
}

TEST(CrossEntropy, TakesManyRowsAndClasses) {
  for (const Shape& shape : {Shape{3000, 21}, Shape{40, 1000}})
    check_op(
        {.name = "cross_entropy " + shape.str(),
         .f = [](std::span<const Tensor> in) -> std::vector<Tensor> {
           Tensor loss = cross_entropy(in[0], in[1], {.label_smoothing = 0.1});
           return {loss};
         },
         .inputs = {random_input(shape, 1, -9, 9), int_input({shape[0]}, 2, 0, int(shape[1]))},
         .gradient = false});
}

TEST(CrossEntropy, IsZeroWhereNothingCounts) {
  Tensor f = random_input({3, 4}, 1), y = full({3}, 255, Dtype::i32);
  Fn loss = [&](std::span<const Tensor> in) {
    return std::vector{cross_entropy(in[0], y, {.ignore_index = 255})};
  };
  Tensor one;
  Vjp r = vjp(loss, std::span(&f, 1), std::span(&one, 1));
  EXPECT_EQ(r.values[0].item(), 0);
  expect_values(r.grads[0], std::vector<double>(12, 0), 0);
}

TEST(CrossEntropy, NamesTheLabelThatIsOutOfRange) {
  Tensor f = zeros({5, 10});
  std::string too_large = message_of([&] {
    cross_entropy(f, Tensor::from({0, 9, 1, 10, 2}, {5})).eval();
  });
  EXPECT_NE(too_large.find("expected labels in 0..9, got 10 at sample 3"), std::string::npos)
      << too_large;
  EXPECT_NE(too_large.find("[cross_entropy]"), std::string::npos) << too_large;
  std::vector<int64_t> wide{0, 1, int64_t(1) << 32, 2, 3};
  std::string wraps = message_of([&] { cross_entropy(f, Tensor::from(wide, {5})).eval(); });
  EXPECT_NE(wraps.find("got 4294967296 at sample 2"), std::string::npos) << wraps;
  std::string negative = message_of([&] {
    multiclass_hinge(f, Tensor::from({0, 1, 2, 3, -1}, {5})).eval();
  });
  EXPECT_NE(negative.find("got -1 at sample 4"), std::string::npos) << negative;
}

TEST(CrossEntropy, ExplainsWhatItExpects) {
  Tensor f = zeros({5, 10}), y = zeros({5}, Dtype::i32);
  auto has = [](const std::function<void()>& call, const char* part) {
    std::string message = message_of(call);
    EXPECT_NE(message.find(part), std::string::npos) << message;
  };
  has([&] { cross_entropy(f, zeros({4}, Dtype::i32)); }, "labels of shape (5)");
  has([&] { cross_entropy(f, zeros({5})); }, "expected i32 or i64 labels");
  has([&] { cross_entropy(y, y); }, "expected f32 or f64 scores");
  has([&] { cross_entropy(f, y, {.weights = ones({3})}); }, "one weight for each of 10 classes");
  has([&] { cross_entropy(f, y, {.label_smoothing = 2}); }, "label smoothing in [0, 1], got 2");
  has([&] { focal_loss(f, y, {.gamma = -1}); }, "[focal_loss] expected gamma >= 0, got -1");
  has([&] { focal_loss(f, y, {.weights = ones({3})}); }, "one weight for each of 10 classes");
  has([&] { sigmoid_focal_loss(f, f, {.alpha = 2}); }, "alpha in [0, 1], got 2");
  has([&] { soft_cross_entropy(f, zeros({5})); }, "targets of shape (5, 10), got (5)");
}

TEST(SoftCrossEntropy, EqualsCrossEntropyForSureTargets) {
  Tensor f = random_input({6, 5}, 1), y = int_input({6}, 2, 0, 5);
  Tensor hot =
      cast(equal(arange(5, Dtype::i32), Tensor::from(y.data<int32_t>(), {6, 1})), Dtype::f32);
  for (double smoothing : {0.0, 0.2})
    EXPECT_LE(
        relative_error(
            soft_cross_entropy(f, hot, {.label_smoothing = smoothing}),
            cross_entropy(f, y, {.label_smoothing = smoothing})),
        1e-6);
}

// By hand: (1 - p)^2 * -log p for the course's scores; gamma 0 is cross-entropy.
TEST(Focal, GivesTheNumbersOfItsFormula) {
  Tensor s = course_scores(), y = course_labels();
  std::vector<double> expected;
  for (double loss : cross_entropy(s, y, {.reduction = Reduction::none}).to_doubles())
    expected.push_back(std::pow(1 - std::exp(-loss), 2) * loss);
  expect_values(focal_loss(s, y, {.reduction = Reduction::none}), expected, 1e-6);
  Tensor weights = Tensor::from({0.5f, 2.0f, 3.0f}, {3});
  EXPECT_EQ(focal_loss(s, y, {.gamma = 0}).item(), cross_entropy(s, y).item());
  EXPECT_NEAR(
      focal_loss(s, y, {.gamma = 0, .weights = weights}).item(),
      cross_entropy(s, y, {.weights = weights}).item(),
      1e-6);
  EXPECT_NEAR(
      focal_loss(s, y, {.weights = weights}).item(),
      (0.5 * expected[0] + 2 * expected[1] + 3 * expected[2]) / 5.5,
      1e-6);
}

TEST(Focal, AgreesWithReferenceAndNumericalGradients) {
  for (double gamma : {0.0, 0.5, 2.0})
    for (const Shape& shape : {Shape{0, 3}, Shape{1, 1}, Shape{5, 7}, Shape{2, 3, 13}}) {
      std::vector<int32_t> labels(size_t(shape.numel() / shape.back()));
      for (size_t i = 0; i < labels.size(); ++i)
        labels[i] = i % 4 == 3 ? 255 : int32_t(i * 5 % size_t(shape.back()));
      Tensor weights = random_input({shape.back()}, 5, 0.2, 2);
      check_op(
          {.name = "focal_loss " + shape.str(),
           .f = [=](std::span<const Tensor> in) -> std::vector<Tensor> {
             Tensor w = to_device(weights, in[0].device());
             return {
                 focal_loss(in[0], in[1], {.gamma = gamma, .ignore_index = 255}),
                 focal_loss(in[0], in[1], {.gamma = gamma, .weights = w, .ignore_index = 255})};
           },
           .inputs =
               {random_input(shape, 1, -2, 2),
                Tensor::from(labels, shape.without(shape.rank() - 1))},
           .gradient = shape.back() > 1,
           .second = gamma == 2});
    }
}

TEST(Focal, OfTheSigmoidAgreesWithReferenceAndNumericalGradients) {
  for (const Shape& shape : {Shape{0, 3}, Shape{1}, Shape{4, 13}})
    check_op(
        {.name = "sigmoid_focal_loss " + shape.str(),
         .f = [](std::span<const Tensor> in) -> std::vector<Tensor> {
           Tensor y = cast(in[1], in[0].dtype());
           return {
               sigmoid_focal_loss(in[0], y, {.reduction = Reduction::none}),
               sigmoid_focal_loss(
                   in[0], y, {.gamma = 0.5, .alpha = 0.25, .reduction = Reduction::sum})};
         },
         .inputs = {random_input(shape, 1, -3, 3), int_input(shape, 2, 0, 2)},
         .second = true});
  // alpha_t (1 - p_t)^2 -log p_t, by hand
  Tensor f = Tensor::from({1.0f, 1.0f}, {2}), y = Tensor::from({1.0f, 0.0f}, {2});
  double p = 1 / (1 + std::exp(-1.0));
  expect_values(
      sigmoid_focal_loss(f, y, {.alpha = 0.25, .reduction = Reduction::none}),
      {-0.25 * (1 - p) * (1 - p) * std::log(p), -0.75 * p * p * std::log(1 - p)},
      1e-6);
  Tensor x = random_input({40}, 3, -9, 9), t = cast(int_input({40}, 4, 0, 2), Dtype::f32);
  EXPECT_LE(
      relative_error(
          sigmoid_focal_loss(x, t, {.gamma = 0}), binary_cross_entropy_with_logits(x, t)),
      1e-6);
}

TEST(Focal, StaysFiniteFarOut) {
  for (double gamma : {0.0, 0.5, 2.0}) {
    Tensor f = Tensor::from({1000.0f, -1000.0f, 0.0f, -1000.0f, 1000.0f, 0.0f}, {2, 3});
    Tensor labels = Tensor::from({0, 0}, {2}), one;
    Fn softmax = [&](std::span<const Tensor> in) {
      return std::vector{focal_loss(in[0], labels, {.gamma = gamma, .reduction = Reduction::sum})};
    };
    Vjp r = vjp(softmax, std::span(&f, 1), std::span(&one, 1));
    EXPECT_NEAR(r.values[0].item(), 2000, 1e-3);
    expect_values(r.grads[0], {0, 0, 0, -1, 1, 0}, 1e-5);
    Tensor y = Tensor::from({1.0f, 1.0f, 1.0f, 0.0f, 0.0f, 0.0f}, {2, 3});
    Fn sigmoid = [&](std::span<const Tensor> in) {
      return std::vector{
          sigmoid_focal_loss(in[0], y, {.gamma = gamma, .reduction = Reduction::sum})};
    };
    r = vjp(sigmoid, std::span(&f, 1), std::span(&one, 1));
    double middle = 2 * std::pow(0.5, gamma) * std::log(2);
    EXPECT_NEAR(r.values[0].item(), 2000 + middle, 1e-3);
    for (double g : r.grads[0].to_doubles()) EXPECT_TRUE(std::isfinite(g));
  }
}

// The gradient is s(f) - y: predicted minus true.
TEST(BinaryCrossEntropy, HasTheGradientPredictedMinusTrue) {
  Tensor f = random_input({4, 3}, 1, -5, 5), y = cast(int_input({4, 3}, 2, 0, 2), Dtype::f32);
  Fn loss = [&](std::span<const Tensor> in) {
    return std::vector{binary_cross_entropy_with_logits(in[0], y, {.reduction = Reduction::sum})};
  };
  Tensor one;
  Tensor df = vjp(loss, std::span(&f, 1), std::span(&one, 1)).grads[0];
  EXPECT_LE(relative_error(df, sigmoid(f) - y), 1e-6);
}

TEST(BinaryCrossEntropy, StaysFiniteFarOut) {
  Tensor f = Tensor::from({1000.0f, -1000.0f}, {2}), y = Tensor::from({0.0f, 0.0f}, {2});
  expect_values(
      binary_cross_entropy_with_logits(f, y, {.reduction = Reduction::none}), {1000, 0}, 0);
}

TEST(AttributeHinge, IsZeroBeyondTheMargin) {
  Tensor f = Tensor::from({1.5f, -1.0f, 0.25f, -0.5f}, {2, 2});
  Tensor y = Tensor::from({1.0f, -1.0f, 1.0f, 1.0f}, {2, 2});
  expect_values(attribute_hinge(f, y, Reduction::none), {0, 0.75 + 1.5}, 1e-6);
}

// d ||f - y||^2 = 2 (f - y) and d |f - y| = sign(f - y): predicted minus true.
TEST(RegressionLosses, HaveTheGradientsOfTheCourse) {
  Tensor f = Tensor::from({1.0f, 5.0f, -2.0f}, {1, 3}),
         y = Tensor::from({3.0f, 4.0f, -2.0f}, {1, 3});
  auto gradient = [&](Tensor (*loss)(const Tensor&, const Tensor&, Reduction)) {
    Fn g = [&](std::span<const Tensor> in) { return std::vector{loss(in[0], y, Reduction::sum)}; };
    Tensor one;
    return vjp(g, std::span(&f, 1), std::span(&one, 1)).grads[0];
  };
  EXPECT_EQ(l2_loss(f, y).item(), 5);
  EXPECT_EQ(l1_loss(f, y).item(), 3);
  expect_values(gradient(l2_loss), {-4, 2, 0}, 0);
  expect_values(gradient(l1_loss), {-1, 1, 0}, 0);
}

TEST(RegressionLosses, AgreeWithReferenceAndNumericalGradients) {
  for (const Shape& shape : {Shape{0, 3}, Shape{1}, Shape{3, 7}, Shape{2, 3, 2, 13}})
    check_op(
        {.name = "losses " + shape.str(),
         .f = [](std::span<const Tensor> in) -> std::vector<Tensor> {
           const Tensor &f = in[0], &y = in[1];
           return {
               l2_loss(f, y, Reduction::none),
               l1_loss(f, y, Reduction::none),
               attribute_hinge(f, sign(y), Reduction::none),
               mse_loss(f, y, Reduction::sum),
               mae_loss(f, y, Reduction::sum),
               huber_loss(f, y, 0.7, Reduction::none),
               smooth_l1_loss(f, y, 0.5, Reduction::none),
               smooth_l1_loss(f, y, 0, Reduction::sum),
               binary_cross_entropy_with_logits(
                   f, y, {.pos_weight = 2.5, .reduction = Reduction::sum})};
         },
         .inputs = {random_input(shape, 1, -2, 2), random_input(shape, 2)},
         .second = true});
}

TEST(RegressionLosses, DoNotBroadcast) {
  auto message = message_of([] { mse_loss(zeros({4, 1}), zeros({4})); });
  EXPECT_NE(message.find("targets of shape (4, 1), got (4)"), std::string::npos);
  EXPECT_NE(
      message_of([] { huber_loss(zeros({1}), zeros({1}), 0); }).find("delta > 0"),
      std::string::npos);
  EXPECT_NE(
      message_of([] { smooth_l1_loss(zeros({1}), zeros({1}), -1); }).find("beta >= 0"),
      std::string::npos);
}

TEST(Bins, TurnRegressionIntoClassesAndBack) {
  Bins stars{.lo = 0.5, .hi = 5.5, .count = 5};  // one to five
  Tensor v = Tensor::from({1.0f, 2.4f, 2.6f, 5.0f, -3.0f, 99.0f}, {6});
  expect_values(to_bins(v, stars), {0, 1, 2, 4, 0, 4}, 0);
  Tensor p = Tensor::from({0.0f, 0.5f, 0.5f, 0.0f, 0.0f}, {1, 5});
  expect_values(from_bins(p, stars), {2.5}, 1e-6);
  EXPECT_NE(message_of([] { to_bins(zeros({1}), {.lo = 1}); }).find("lo < hi"), std::string::npos);
  EXPECT_NE(message_of([] { from_bins(zeros({3}), {}); }).find("(..., 10)"), std::string::npos);
}

// Losses and gradients recorded from PyTorch.
class LossFixture : public testing::Test {
 protected:
  void expect(const std::string& name, const std::function<Tensor(const Tensor&)>& loss) {
    Tensor x = tree_.at(name + ".x");
    Tensor ones_like = ones(loss(x).shape());
    Fn f = [&](std::span<const Tensor> in) { return std::vector{loss(in[0])}; };
    Vjp r = vjp(f, std::span(&x, 1), std::span(&ones_like, 1));
    EXPECT_LE(relative_error(r.values[0], tree_.at(name + ".y")), 1e-5) << name;
    EXPECT_LE(relative_error(r.grads[0], tree_.at(name + ".dx")), 1e-5) << name;
  }

  Tree tree_ = formats::load_safetensors(test::fixture("loss.safetensors")).tensors;
};

TEST_F(LossFixture, CrossEntropy) {
  Tensor labels = tree_.at("labels"), holes = tree_.at("holes"), w = tree_.at("weights");
  expect("plain", [&](const Tensor& x) { return cross_entropy(x, labels); });
  expect("none", [&](const Tensor& x) {
    return cross_entropy(x, labels, {.reduction = Reduction::none});
  });
  expect("weighted", [&](const Tensor& x) {
    return cross_entropy(x, holes, {.weights = w, .ignore_index = 255});
  });
  expect("smooth", [&](const Tensor& x) {
    return cross_entropy(x, holes, {.weights = w, .label_smoothing = 0.1, .ignore_index = 255});
  });
  expect("smooth_sum", [&](const Tensor& x) {
    return cross_entropy(x, labels, {.label_smoothing = 0.2, .reduction = Reduction::sum});
  });
  expect("soft", [&](const Tensor& x) {
    return soft_cross_entropy(x, tree_.at("targets"), {.weights = w, .label_smoothing = 0.1});
  });
  expect("segmentation", [&](const Tensor& x) {
    return cross_entropy(x, tree_.at("classes"), {.ignore_index = 255});
  });
  expect("nll", [&](const Tensor& x) {
    return nll_loss(x, holes, {.weights = w, .ignore_index = 255});
  });
}

TEST_F(LossFixture, Hinge) {
  Tensor labels = tree_.at("labels");
  expect("hinge", [&](const Tensor& x) {
    return multiclass_hinge(x, labels, {.reduction = Reduction::none});
  });
  expect("squared_hinge", [&](const Tensor& x) {
    return multiclass_hinge(
        x, labels, {.margin = 0.5, .squared = true, .reduction = Reduction::none});
  });
}

TEST_F(LossFixture, OverElements) {
  Tensor y = tree_.at("y"), binary = tree_.at("binary"), w = tree_.at("pos_weight");
  expect("bce", [&](const Tensor& x) { return binary_cross_entropy_with_logits(x, binary); });
  expect("bce_weighted", [&](const Tensor& x) {
    return binary_cross_entropy_with_logits(x, binary, {.pos_weight = w});
  });
  expect("mse", [&](const Tensor& x) { return mse_loss(x, y); });
  expect("mae", [&](const Tensor& x) { return mae_loss(x, y); });
  expect("huber", [&](const Tensor& x) { return huber_loss(x, y, 0.7); });
  expect("smooth_l1", [&](const Tensor& x) { return smooth_l1_loss(x, y, 0.4, Reduction::sum); });
}

}  // namespace

}  // namespace fovea
