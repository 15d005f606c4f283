#include "fovea/ops/index.h"

#include <gtest/gtest.h>

#include "fovea/core/errors.h"
#include "fovea/ops/create.h"
#include "fovea/ops/elementwise.h"
#include "tests/support/check_op.h"

namespace fovea {
namespace {

using test::check_op;
using test::int_input;
using test::message_of;
using test::random_input;

using Values = std::vector<float>;

struct Case {
  Shape x, index;
  int axis;
};

TEST(Gather, AgreesWithReferenceAndGradient) {
  const Case cases[] = {
      {{7}, {3}, 0},
      {{5, 3}, {9, 3}, 0},
      {{5, 3}, {2, 2}, 0},  // an index shorter than x on another axis
      {{4, 13}, {4, 1}, 1},
      {{2, 3, 5}, {2, 7, 5}, -2},
      {{4, 13}, {0, 1}, 1},
  };
  for (const Case& c : cases)
    check_op(
        {.name = c.x.str() + c.index.str(),
         .f = [&](auto in) { return std::vector<Tensor>{gather(in[0], in[1], c.axis)}; },
         .inputs = {random_input(c.x, 1), int_input(c.index, 2, 0, int(c.x.dim(c.axis)))},
         .second = true});
}

TEST(ScatterAdd, AgreesWithReferenceAndGradient) {
  const Case cases[] = {
      {{7}, {13}, 0}, {{5, 3}, {9, 3}, 0}, {{5, 3}, {2, 2}, 1}, {{2, 3, 5}, {2, 7, 5}, 1}};
  for (const Case& c : cases)
    check_op(
        {.name = c.x.str() + c.index.str(),
         .f =
             [&](auto in) { return std::vector<Tensor>{scatter_add(in[0], in[2], in[1], c.axis)}; },
         .inputs =
             {random_input(c.x, 1),
              random_input(c.index, 3),
              int_input(c.index, 2, 0, int(c.x.dim(c.axis)))},
         .second = true});
}

TEST(Take, AgreesWithReferenceAndGradient) {
  const Case cases[] = {
      {{7}, {3}, 0},
      {{5, 3}, {}, 0},
      {{5, 3}, {2, 4}, 0},
      {{4, 13}, {5}, 1},
      {{2, 3, 5}, {2, 2}, -2},
      {{5, 24}, {0}, 0},
  };
  for (const Case& c : cases) {
    Tensor index = int_input(c.index, 2, 0, int(c.x.dim(c.axis)));
    check_op(
        {.name = c.x.str() + c.index.str(),
         .f = [&](auto in) { return std::vector<Tensor>{take(in[0], in[1], c.axis)}; },
         .inputs = {random_input(c.x, 1), index},
         .second = true});
    Tensor src = random_input(take(random_input(c.x, 1), index, c.axis).shape(), 4);
    check_op(
        {.name = "index_add" + c.x.str(),
         .f = [&](auto in) { return std::vector<Tensor>{index_add(in[0], in[2], in[1], c.axis)}; },
         .inputs = {random_input(c.x, 1), src, index},
         .second = true});
  }
}

TEST(Take, RunsOnManyThreads) {
  const Device ref{Device::ref};
  Tensor x = random_input({301, 67}, 1), ids = int_input({4000}, 2, 0, 301);
  Tensor src = random_input({4000, 67}, 3);
  EXPECT_EQ(test::relative_error(take(x, ids), take(to_device(x, ref), to_device(ids, ref))), 0);
  Tensor slow = index_add(to_device(x, ref), to_device(ids, ref), to_device(src, ref));
  EXPECT_LE(test::relative_error(index_add(x, ids, src), slow), 1e-6);
}

TEST(Embedding, AddsUpTheGradientOfRepeatedIds) {
  Tensor table = random_input({4, 3}, 1);
  Tensor ids = Tensor::from<int64_t>({1, 1, 3}, {3});
  EXPECT_EQ(embedding(table, ids).shape().str(), "(3, 3)");
  Fn f = [&](std::span<const Tensor> in) { return std::vector<Tensor>{embedding(in[0], ids)}; };
  std::vector<Tensor> douts{ones({3, 3})};
  Tensor grad = vjp(f, std::span(&table, 1), douts).grads[0];
  EXPECT_EQ(grad.to_vector(), (Values{0, 0, 0, 2, 2, 2, 0, 0, 0, 1, 1, 1}));
}

TEST(OneHot, MarksTheClass) {
  Tensor ids = Tensor::from<int32_t>({2, 0}, {2});
  EXPECT_EQ(one_hot(ids, 3).to_vector(), (Values{0, 0, 1, 1, 0, 0}));
  EXPECT_EQ(one_hot(ids, 3, Dtype::boolean).dtype(), Dtype::boolean);
  EXPECT_EQ(one_hot(int_input({2, 0}, 1, 0, 3), 3).shape().str(), "(2, 0, 3)");
  check_op(
      {.name = "one_hot",
       .f = [](auto in) { return std::vector<Tensor>{one_hot(in[0], 7)}; },
       .inputs = {int_input({3, 5}, 1, 0, 7)},
       .gradient = false});
}

TEST(Index, KeepsEveryDtype) {
  Tensor ids = Tensor::from<int32_t>({1, 0}, {2});
  for (Dtype dtype : {Dtype::f16, Dtype::u8, Dtype::i64, Dtype::f64}) {
    Tensor x = cast(Tensor::from<float>({3, 4}, {2}), dtype);
    EXPECT_EQ(take(x, ids).dtype(), dtype);
    EXPECT_EQ(take(x, ids).to_vector(), (Values{4, 3}));
    EXPECT_EQ(gather(x, ids, 0).to_vector(), (Values{4, 3}));
    EXPECT_EQ(scatter_add(x, ids, x, 0).to_vector(), (Values{7, 7}));
  }
}

std::string tail_of(const std::string& message) { return message.substr(message.rfind(": ") + 2); }

TEST(Index, NamesPositionAndValueOfABadIndex) {
  for (Device device : {Device{Device::cpu}, Device{Device::ref}}) {
    DeviceScope scope(device);
    Tensor x = zeros({4, 5});
    Tensor bad = Tensor::from<int32_t>({0, 3, 1, 4, 0, 0}, {2, 3});
    Tensor negative = Tensor::from<int64_t>({0, -1}, {2});
    EXPECT_THROW(take(x, bad).eval(), EvalError);
    std::string expected = "expected indices within 0..3, got 4 at position (1, 0)";
    EXPECT_EQ(tail_of(message_of([&] { take(x, bad).eval(); })), expected);
    EXPECT_EQ(tail_of(message_of([&] { gather(x, bad, 0).eval(); })), expected);
    EXPECT_EQ(tail_of(message_of([&] { scatter_add(x, bad, zeros({2, 3}), 0).eval(); })), expected);
    EXPECT_EQ(
        tail_of(message_of([&] {
          index_add(x, bad, zeros({2, 3, 5}), 0).eval();
        })),
        expected);
    EXPECT_EQ(
        tail_of(message_of([&] { one_hot(negative, 3).eval(); })),
        "expected indices within 0..2, got -1 at position (1)");
  }
}

// As i32, 2^32 + 1 would be 1.
TEST(Index, LargeIndicesDoNotWrap) {
  for (Device device : {Device{Device::cpu}, Device{Device::ref}}) {
    DeviceScope scope(device);
    Tensor x = zeros({4}), src = zeros({2});
    Tensor good = Tensor::from<int64_t>({3, 0}, {2});
    Tensor bad = Tensor::from<int64_t>({0, (int64_t(1) << 32) + 1}, {2});
    Tensor low = Tensor::from<int64_t>({0, -(int64_t(1) << 32)}, {2});
    auto error_of = [](const Tensor& t) { return message_of([&] { Tensor(t).eval(); }); };
    std::string expected = "expected indices within 0..3, got 4294967297 at position (1)";
    EXPECT_EQ(tail_of(error_of(take(x, bad))), expected);
    EXPECT_EQ(tail_of(error_of(gather(x, bad, 0))), expected);
    EXPECT_EQ(tail_of(error_of(scatter_add(x, bad, src, 0))), expected);
    EXPECT_EQ(tail_of(error_of(index_add(x, bad, src, 0))), expected);
    EXPECT_EQ(tail_of(error_of(one_hot(bad, 4))), expected);
    EXPECT_EQ(
        tail_of(error_of(embedding(zeros({4, 1}), low))),
        "expected indices within 0..3, got -4294967296 at position (1)");
    EXPECT_EQ(error_of(take(x, bad)).find("[take]"), 0u) << error_of(take(x, bad));
    EXPECT_EQ(take(x + 1, good).to_vector(), (Values{1, 1}));
  }
}

TEST(Index, NamesWhatIsWrong) {
  Tensor x = zeros({4, 5});
  Tensor index = int_input({4, 6}, 1, 0, 4);
  EXPECT_EQ(
      message_of([&] { take(x, x); }),
      "[take] expected indices of dtype i32 or i64, got f32 (4, 5)");
  EXPECT_EQ(
      message_of([&] { gather(x, index, 0); }),
      "[gather] expected an index with the axes of (4, 5), none longer but axis 0, got (4, 6)");
  EXPECT_EQ(
      message_of([&] {
        scatter_add(x, int_input({4, 2}, 1, 0, 4), x, 0);
      }),
      "[scatter_add] expected one index for each element to add, got shapes (4, 2) and (4, 5)");
  EXPECT_EQ(
      message_of([&] { index_add(x, int_input({2}, 1, 0, 4), x); }),
      "[index_add] expected shape (2, 5) to add at indices (2) on axis 0 of (4, 5), got (4, 5)");
  EXPECT_EQ(
      message_of([&] { embedding(zeros({4}), index); }),
      "[embedding] expected a table (rows, D), got shape (4)");
}

}  // namespace
}  // namespace fovea
