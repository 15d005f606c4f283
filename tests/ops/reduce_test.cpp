#include "fovea/ops/reduce.h"

#include <gtest/gtest.h>

#include "fovea/ops/elementwise.h"
#include "fovea/ops/shape.h"
#include "tests/support/check_op.h"

namespace fovea {
namespace {

using test::check_op;
using test::distinct_input;
using test::message_of;
using test::random_input;

struct ReduceCase {
  Shape shape;
  std::vector<int> axes;
};

class ReduceTest : public testing::TestWithParam<ReduceCase> {};

TEST_P(ReduceTest, AgreesWithReference) {
  const auto& [shape, axes] = GetParam();
  bool small = shape.numel() < 500;
  using F = Tensor (*)(const Tensor&, std::vector<int>, const ReduceOptions&);
  for (F f : {F(sum), F(mean), F(max), F(min)})
    for (bool keep : {false, true}) {
      bool linear = f == F(sum) || f == F(mean);
      check_op(
          {.name = shape.str(),
           .f =
               [&](std::span<const Tensor> in) {
                 return std::vector<Tensor>{f(in[0], axes, {.keep = keep})};
               },
           .inputs = {distinct_input(shape, 3, 0.01)},
           .tolerance = 1e-5,
           .gradient = small,
           .second = small && linear});
    }
  if (shape.numel() > 1)
    check_op(
        {.name = "var",
         .f = [&](std::span<const Tensor> in) { return std::vector<Tensor>{var(in[0], axes)}; },
         .inputs = {random_input(shape, 4)},
         .gradient = small,
         .second = small});
}

INSTANTIATE_TEST_SUITE_P(
    Shapes,
    ReduceTest,
    testing::Values(
        ReduceCase{{7}, {}},
        ReduceCase{{1}, {0}},
        ReduceCase{{3, 13}, {0}},
        ReduceCase{{3, 13}, {1}},
        ReduceCase{{2, 3, 24}, {0, 1}},
        ReduceCase{{2, 3, 24}, {-1}},
        ReduceCase{{2, 3, 7}, {1}},
        ReduceCase{{2, 3, 7}, {0, 2}},
        ReduceCase{{2, 3, 4, 5}, {1, 2}},
        ReduceCase{{70001}, {}},
        ReduceCase{{5003, 67}, {0}},
        ReduceCase{{67, 5003}, {1}},
        ReduceCase{{31, 129, 33}, {1}}));

TEST(Reduce, OfNothing) {
  EXPECT_EQ(sum(random_input({0, 3}, 1), {0}).to_vector(), (std::vector<float>{0, 0, 0}));
  EXPECT_EQ(
      message_of([] {
        max(random_input({0, 3}, 1), {0});
      }),
      "[max] has no value over an empty axis, got shape (0, 3)");
}

TEST(Reduce, TiesGoToTheFirst) {
  Tensor x = Tensor::from({1.f, 3.f, 3.f, 2.f}, {4});
  EXPECT_EQ(grad(max(x), x).to_vector(), (std::vector<float>{0, 1, 0, 0}));
  EXPECT_EQ(argmax(x, 0).item<int>(), 1);
  EXPECT_EQ(argmin(Tensor::from({2.f, 1.f, 1.f}, {3}), -1).item<int>(), 1);
}

TEST(Reduce, IntegersAddUpIn64Bits) {
  Tensor x = Tensor::from({int32_t(2000000000), int32_t(2000000000)}, {2});
  EXPECT_EQ(sum(x).dtype(), Dtype::i64);
  EXPECT_EQ(sum(x).item<int64_t>(), 4000000000);
}

TEST(Reduce, LongSumsStayAccurate) {
  Tensor x = mean(random_input({2000000}, 5, 0.9, 1.1));
  Tensor slow = mean(to_device(random_input({2000000}, 5, 0.9, 1.1), Device{Device::ref}));
  EXPECT_NEAR(x.item<double>(), slow.item<double>(), 1e-6);
}

TEST(Reduce, Messages) {
  Tensor x = random_input({2, 3}, 1);
  EXPECT_EQ(message_of([&] { sum(x, {0, -2}); }), "[sum] expected each axis once");
  EXPECT_EQ(message_of([&] { sum(x, {2}); }), "axis 2 is out of range for shape (2, 3)");
}

TEST(Shape, ReshapeTransposeBroadcast) {
  Tensor x = random_input({2, 3, 5, 7}, 1);
  for (std::vector<int> order :
       {std::vector<int>{0, 3, 1, 2}, {0, 2, 3, 1}, {3, 2, 1, 0}, {1, 0, 2, 3}, {2, 0, 3, 1}})
    check_op(
        {.name = "transpose",
         .f =
             [&](std::span<const Tensor> in) {
               return std::vector<Tensor>{transpose(in[0], order) * in[1]};
             },
         .inputs = {x, random_input({1}, 2)},
         .second = true});
  check_op(
      {.name = "broadcast",
       .f =
           [](std::span<const Tensor> in) {
             return std::vector<Tensor>{
                 broadcast_to(in[0], {4, 3, 5}), broadcast_to(in[1], {2, 6, 33})};
           },
       .inputs = {random_input({3, 1}, 3), random_input({6, 33}, 4)}});
  EXPECT_EQ(reshape(x, {2, -1}).shape(), (Shape{2, 105}));
  EXPECT_EQ(flatten(x).shape(), (Shape{2, 105}));
  EXPECT_EQ(squeeze(unsqueeze(x, -1), -1).shape(), x.shape());
  EXPECT_EQ(reshape(x, {210}).to_vector(), x.to_vector());
}

TEST(Shape, Messages) {
  Tensor x = random_input({2, 3}, 1);
  EXPECT_EQ(
      message_of([&] {
        reshape(x, {4, 2});
      }),
      "[reshape] expected 8 elements for shape (4, 2), got shape (2, 3) with 6");
  EXPECT_EQ(
      message_of([&] {
        transpose(x, {0, 0});
      }),
      "[transpose] expected a permutation of the 2 axes of (2, 3), got (0, 0)");
  EXPECT_EQ(
      message_of([&] {
        broadcast_to(x, {4, 3});
      }),
      "[broadcast_to] expected shapes that broadcast together, got (2, 3) and (4, 3): they differ "
      "at "
      "axis 0");
  EXPECT_EQ(
      message_of([&] { squeeze(x, 0); }),
      "[squeeze] expected extent 1 at axis 0, got shape (2, 3)");
}

}  // namespace
}  // namespace fovea
