#include "fovea/ops/sort.h"

#include <cmath>

#include <gtest/gtest.h>

#include "fovea/ops/create.h"
#include "fovea/ops/elementwise.h"
#include "tests/support/check_op.h"

namespace fovea {
namespace {

using test::check_op;
using test::distinct_input;
using test::message_of;

using Values = std::vector<float>;

TEST(Sort, AgreesWithReferenceAndGradient) {
  struct Case {
    Shape shape;
    int axis;
  };
  for (const Case& c :
       {Case{{1}, 0}, {{13}, 0}, {{3, 7}, 1}, {{7, 3}, 0}, {{2, 5, 3}, -2}, {{0, 3}, 1}})
    for (bool descending : {false, true})
      check_op(
          {.name = c.shape.str(),
           .f =
               [&](auto in) {
                 return std::vector<Tensor>{
                     sort(in[0], c.axis, {.descending = descending}),
                     argsort(in[0], c.axis, {.descending = descending})};
               },
           .inputs = {distinct_input(c.shape, 3)},
           .second = true});
}

TEST(Sort, KeepsTheOrderOfEqualElements) {
  for (Device device : {Device{Device::cpu}, Device{Device::ref}}) {
    DeviceScope scope(device);
    Tensor x = Tensor::from<float>({2, 1, 2, 0.0f, 1, -0.0f}, {6});
    EXPECT_EQ(argsort(x).to_vector(), (Values{3, 5, 1, 4, 0, 2}));
    EXPECT_EQ(argsort(x, 0, {.descending = true}).to_vector(), (Values{0, 2, 1, 4, 3, 5}));
  }
}

TEST(Sort, PutsNanLastAndInfinitiesInPlace) {
  for (Device device : {Device{Device::cpu}, Device{Device::ref}}) {
    DeviceScope scope(device);
    Tensor x = Tensor::from<float>({NAN, 1, -INFINITY, -NAN, INFINITY, -3}, {6});
    EXPECT_EQ(argsort(x).to_vector(), (Values{2, 5, 1, 4, 0, 3}));
    EXPECT_EQ(argsort(x, 0, {.descending = true}).to_vector(), (Values{0, 3, 4, 1, 5, 2}));
    EXPECT_EQ(topk(x, 3, {.largest = false}).indices.to_vector(), (Values{2, 5, 1}));
  }
}

TEST(Sort, TakesIntegersAndHalves) {
  Tensor x = Tensor::from<int32_t>({3, -1, 2}, {3});
  EXPECT_EQ(sort(x).to_vector(), (Values{-1, 2, 3}));
  EXPECT_EQ(sort(x).dtype(), Dtype::i32);
  EXPECT_EQ(sort(cast(x, Dtype::bf16), 0, {.descending = true}).to_vector(), (Values{3, 2, -1}));
}

TEST(TopK, AgreesWithReferenceAndGradient) {
  for (bool largest : {true, false})
    for (int64_t k : {0, 1, 3, 7})
      check_op(
          {.name = "topk",
           .f =
               [&](auto in) {
                 TopK top = topk(in[0], k, {.axis = 1, .largest = largest});
                 return std::vector<Tensor>{top.values, top.indices};
               },
           .inputs = {distinct_input({2, 7, 3}, 3)},
           .second = true});
}

TEST(TopK, TakesTheFirstOfEqualOnes) {
  Tensor x = Tensor::from<float>({1, 3, 2, 3, 3, 1}, {1, 6});
  TopK top = topk(x, 2);
  EXPECT_EQ(top.values.to_vector(), (Values{3, 3}));
  EXPECT_EQ(top.indices.to_vector(), (Values{1, 3}));
}

TEST(TopK, RunsOnManyThreads) {
  Tensor x = distinct_input({97, 1009}, 3);
  Tensor slow = topk(to_device(x, Device{Device::ref}), 5).indices;
  EXPECT_EQ(test::relative_error(topk(x, 5).indices, slow), 0);
}

TEST(TopK, NamesWhatIsWrong) {
  EXPECT_EQ(
      message_of([] {
        topk(zeros({2, 3}), 4);
      }),
      "[topk] expected k within 0..3 on axis 1 of shape (2, 3), got 4");
}

}  // namespace
}  // namespace fovea
