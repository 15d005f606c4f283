#include "fovea/ops/slice.h"

#include <gtest/gtest.h>

#include "fovea/core/eval.h"
#include "fovea/ops/create.h"
#include "fovea/ops/elementwise.h"
#include "tests/support/check_op.h"

namespace fovea {
namespace {

using test::check_op;
using test::message_of;
using test::random_input;

using Values = std::vector<float>;

Fn sliced(std::vector<Range> ranges) {
  return [=](std::span<const Tensor> in) { return std::vector<Tensor>{slice(in[0], ranges)}; };
}

TEST(Slice, AgreesWithReferenceAndGradient) {
  struct Case {
    Shape shape;
    std::vector<Range> ranges;
  };
  const Case cases[] = {
      {{7}, {{2, 5}}},
      {{7}, {{1, 7, 2}}},
      {{13}, {{3, 3}}},
      {{3, 13}, {{1}}},
      {{3, 13}, {{}, {2, -1, 3}}},
      {{2, 5, 7, 3}, {{}, {1, 4}, {0, 7, 2}}},
      {{2, 5, 7, 3}, {{1}, {2, 3}, {1, 6}}},
      {{2, 3, 24}, {{}, {}, {1}}},
      {{0, 3}, {{}, {1}}},
  };
  for (const Case& c : cases)
    check_op(
        {.name = c.shape.str(),
         .f = sliced(c.ranges),
         .inputs = {random_input(c.shape, 3)},
         .second = true});
}

TEST(Slice, FollowsPythonsBounds) {
  Tensor x = arange(7);
  EXPECT_EQ(slice(x, 0, {2, 5}).to_vector(), (Values{2, 3, 4}));
  EXPECT_EQ(slice(x, 0, {-3}).to_vector(), (Values{4, 5, 6}));
  EXPECT_EQ(slice(x, 0, {.stop = -5}).to_vector(), (Values{0, 1}));
  EXPECT_EQ(slice(x, 0, {.step = 3}).to_vector(), (Values{0, 3, 6}));
  EXPECT_EQ(slice(x, 0, {5, 2}).shape().str(), "(0)");
}

TEST(Slice, SharesMemoryWhenItIsOneBlock) {
  Tensor x = random_input({4, 5, 6}, 1);
  const std::byte* start = x.bytes().data();
  EXPECT_EQ(slice(x, 0, {1, 3}).eval().bytes().data(), start + 30 * sizeof(float));
  EXPECT_EQ(slice(x, {{2, 3}, {1, 4}}).eval().bytes().data(), start + 66 * sizeof(float));
  Tensor inner = slice(x, 1, {1, 3}).eval();
  EXPECT_TRUE(inner.bytes().data() < start || inner.bytes().data() >= start + x.nbytes());
  EXPECT_EQ(slice(x, {}).value(), x.value());
}

TEST(Slice, CopiesEveryDtype) {
  for (Dtype dtype : {Dtype::i8, Dtype::f16, Dtype::i32, Dtype::i64, Dtype::boolean}) {
    Tensor x = test::int_input({5, 6}, 2, 0, 2);
    Tensor part = slice(cast(x, dtype), {{0, 5, 2}, {1, 4}});
    EXPECT_EQ(part.dtype(), dtype);
    EXPECT_EQ(part.to_vector(), slice(x, {{0, 5, 2}, {1, 4}}).to_vector());
  }
}

TEST(Slice, RunsOnManyThreads) {
  Tensor x = random_input({3, 401, 257}, 5);
  Fn f = sliced({{}, {1, 400, 2}, {3, 250}});
  Tensor slow = f(std::vector<Tensor>{to_device(x, Device{Device::ref})})[0];
  EXPECT_EQ(test::relative_error(f(std::vector<Tensor>{x})[0], slow), 0);
}

TEST(Select, DropsTheAxis) {
  check_op(
      {.name = "select",
       .f = [](auto in) { return std::vector<Tensor>{select(in[0], 1, -2)}; },
       .inputs = {random_input({2, 3, 5}, 4)},
       .second = true});
  EXPECT_EQ(select(arange(5), 0, 3).item(), 3);
  EXPECT_EQ(select(random_input({2, 3, 5}, 4), 1, 0).shape().str(), "(2, 5)");
}

TEST(Split, PartsAddUpToTheWhole) {
  Tensor x = random_input({3, 6}, 8);
  auto parts = split(x, std::vector<int64_t>{1, 2, 3}, 1);
  ASSERT_EQ(parts.size(), 3u);
  EXPECT_EQ(parts[2].shape().str(), "(3, 3)");
  EXPECT_EQ(split(arange(6), 3)[1].to_vector(), (Values{2, 3}));
  check_op(
      {.name = "split",
       .f =
           [](auto in) {
             return split(in[0], std::vector<int64_t>{1, 0, 5}, -1);
           },
       .inputs = {x},
       .second = true});
}

TEST(Flip, ReversesAxes) {
  Tensor x = Tensor::from<float>({1, 2, 3, 4, 5, 6}, {2, 3});
  EXPECT_EQ(flip(x, {1}).to_vector(), (Values{3, 2, 1, 6, 5, 4}));
  EXPECT_EQ(flip(x, {0, 1}).to_vector(), (Values{6, 5, 4, 3, 2, 1}));
  EXPECT_EQ(flip(zeros({0, 3}), {0}).shape().str(), "(0, 3)");
  for (const Shape& shape : {Shape{7}, Shape{2, 5, 3}, Shape{1, 13, 24}})
    check_op(
        {.name = shape.str(),
         .f =
             [](auto in) {
               return std::vector<Tensor>{flip(in[0], {0, -1})};
             },
         .inputs = {random_input(shape, 7)},
         .second = true});
}

TEST(Slice, NamesWhatIsWrong) {
  Tensor x = zeros({4, 5});
  EXPECT_EQ(
      message_of([&] {
        slice(x, 1, {0, 6});
      }),
      "[slice] expected bounds within 0..5 on axis 1 of shape (4, 5), got 0 to 6");
  EXPECT_EQ(
      message_of([&] { slice(x, 0, {-5}); }),
      "[slice] expected bounds within 0..4 on axis 0 of shape (4, 5), got -5 to 4");
  EXPECT_EQ(
      message_of([&] { slice(x, 0, {.step = -1}); }),
      "[slice] expected a step of at least 1, got -1; flip reverses an axis");
  EXPECT_EQ(
      message_of([&] {
        slice(x, {{}, {}, {}});
      }),
      "[slice] expected at most 2 ranges for shape (4, 5), got 3");
  EXPECT_EQ(
      message_of([&] { select(x, 1, 5); }),
      "[select] expected a position within 0..4 on axis 1 of shape (4, 5), got 5");
  EXPECT_EQ(
      message_of([&] {
        split(x, std::vector<int64_t>{2, 1}, 0);
      }),
      "[split] expected sizes that add up to 4 (axis 0 of shape (4, 5)), got 3");
  EXPECT_EQ(
      message_of([&] { split(x, 2, 1); }),
      "[split] expected a number of parts that divides 5 (axis 1 of shape (4, 5)), got 2");
}

}  // namespace
}  // namespace fovea
