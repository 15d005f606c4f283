#include "fovea/ops/join.h"

#include <gtest/gtest.h>

#include "fovea/ops/create.h"
#include "fovea/ops/elementwise.h"
#include "tests/support/check_op.h"

namespace fovea {
namespace {

using test::check_op;
using test::message_of;
using test::random_input;

using Values = std::vector<float>;

TEST(Concat, AgreesWithReferenceAndGradient) {
  struct Case {
    std::vector<Shape> shapes;
    int axis;
  };
  const Case cases[] = {
      {{{3}, {7}, {1}}, 0},
      {{{2, 3}, {2, 13}}, 1},
      {{{2, 3}, {0, 3}, {5, 3}}, 0},
      {{{2, 3, 5}, {2, 1, 5}}, -2},
      {{{2, 3, 3, 24}, {2, 3, 3, 7}}, 3},
      {{{0, 3}, {0, 4}}, 1},
  };
  for (const Case& c : cases) {
    std::vector<Tensor> inputs;
    for (const Shape& shape : c.shapes) inputs.push_back(random_input(shape, 1 + inputs.size()));
    check_op(
        {.name = c.shapes[0].str(),
         .f =
             [&](auto in) {
               return std::vector<Tensor>{
                   concat(std::vector<Tensor>(in.begin(), in.end()), c.axis)};
             },
         .inputs = inputs,
         .second = true});
  }
}

TEST(Concat, KnownValues) {
  Tensor a = Tensor::from<float>({1, 2, 3, 4}, {2, 2}), b = Tensor::from<float>({5, 6}, {2, 1});
  EXPECT_EQ(concat({a, b}, 1).to_vector(), (Values{1, 2, 5, 3, 4, 6}));
  EXPECT_EQ(concat({a, a}).shape().str(), "(4, 2)");
  EXPECT_EQ(concat({a}, 1).value(), a.value());
  EXPECT_EQ(concat({cast(a, Dtype::i32), a}).dtype(), Dtype::f32);
}

TEST(Concat, RunsOnManyThreads) {
  std::vector<Tensor> parts{random_input({67, 301}, 1), random_input({67, 500}, 2)};
  std::vector<Tensor> slow;
  for (const Tensor& t : parts) slow.push_back(to_device(t, Device{Device::ref}));
  for (int axis : {1}) EXPECT_EQ(test::relative_error(concat(parts, axis), concat(slow, axis)), 0);
}

TEST(Stack, AddsAnAxis) {
  Tensor a = arange(3), b = a * 10;
  EXPECT_EQ(stack({a, b}).to_vector(), (Values{0, 1, 2, 0, 10, 20}));
  EXPECT_EQ(stack({a, b}, -1).to_vector(), (Values{0, 0, 1, 10, 2, 20}));
  check_op(
      {.name = "stack",
       .f =
           [](auto in) {
             return std::vector<Tensor>{stack({in[0], in[1]}, 1)};
           },
       .inputs = {random_input({2, 3}, 1), random_input({2, 3}, 2)},
       .second = true});
}

TEST(Roll, WrapsAround) {
  EXPECT_EQ(roll(arange(5), 2, 0).to_vector(), (Values{3, 4, 0, 1, 2}));
  EXPECT_EQ(roll(arange(5), -6, 0).to_vector(), (Values{1, 2, 3, 4, 0}));
  EXPECT_EQ(roll(zeros({0, 2}), 1, 0).shape().str(), "(0, 2)");
  check_op(
      {.name = "roll",
       .f = [](auto in) { return std::vector<Tensor>{roll(in[0], 4, 1)}; },
       .inputs = {random_input({2, 7, 3}, 1)},
       .second = true});
}

TEST(Tile, RepeatsTheWhole) {
  Tensor x = Tensor::from<float>({1, 2, 3, 4}, {2, 2});
  EXPECT_EQ(tile(x, {1, 2}).to_vector(), (Values{1, 2, 1, 2, 3, 4, 3, 4}));
  EXPECT_EQ(tile(x, {2, 1}).to_vector(), (Values{1, 2, 3, 4, 1, 2, 3, 4}));
  check_op(
      {.name = "tile",
       .f =
           [](auto in) {
             return std::vector<Tensor>{tile(in[0], {2, 1, 3})};
           },
       .inputs = {random_input({2, 3, 5}, 1)},
       .second = true});
}

TEST(Repeat, RepeatsEachPosition) {
  Tensor x = Tensor::from<float>({1, 2, 3, 4}, {2, 2});
  EXPECT_EQ(repeat(x, 2, 1).to_vector(), (Values{1, 1, 2, 2, 3, 3, 4, 4}));
  EXPECT_EQ(repeat(x, 2, 0).to_vector(), (Values{1, 2, 1, 2, 3, 4, 3, 4}));
  EXPECT_EQ(repeat(x, 0, 0).shape().str(), "(0, 2)");
  check_op(
      {.name = "repeat",
       .f = [](auto in) { return std::vector<Tensor>{repeat(in[0], 3, -2)}; },
       .inputs = {random_input({2, 3, 5}, 1)},
       .second = true});
}

TEST(Join, NamesWhatIsWrong) {
  Tensor x = zeros({4, 5});
  EXPECT_EQ(message_of([] { concat({}); }), "[concat] expected at least one part, got none");
  EXPECT_EQ(
      message_of([&] {
        concat({x, zeros({4, 6})}, 0);
      }),
      "[concat] expected parts that agree but for axis 0, got (4, 5) and (4, 6) (part 1)");
  EXPECT_EQ(
      message_of([&] {
        stack({x, zeros({4, 6})});
      }),
      "[stack] expected parts of one shape, got (4, 5) and (4, 6)");
  EXPECT_EQ(
      message_of([&] { tile(x, {2}); }),
      "[tile] expected one count for each axis of (4, 5), got 1");
  EXPECT_EQ(
      message_of([&] { repeat(x, -1, 0); }), "[repeat] expected a count of 0 or more, got -1");
}

}  // namespace
}  // namespace fovea
