#include "fovea/ops/matmul.h"

#include <gtest/gtest.h>

#include "fovea/autograd/transforms.h"
#include "fovea/backend/cpu/implementation.h"
#include "fovea/core/node.h"
#include "fovea/ops/elementwise.h"
#include "fovea/ops/reduce.h"
#include "fovea/ops/shape.h"
#include "tests/support/check_op.h"

namespace fovea {
namespace {

using test::check_op;
using test::message_of;
using test::random_input;

Fn matmul_with(MatmulOptions o) {
  return [o](std::span<const Tensor> in) { return std::vector<Tensor>{matmul(in[0], in[1], o)}; };
}

Shape flipped(const Shape& s, bool flip) {
  return flip ? s.with(-1, s.dim(-2)).with(-2, s.dim(-1)) : s;
}

TEST(Matmul, EveryTransposeOfEveryShapeAgreesWithReferenceAndGradients) {
  struct Case {
    Shape a, b;
    bool second = false;
  };
  const Case cases[] = {
      {{1, 1}, {1, 1}, true},
      {{3, 7}, {7, 13}},
      {{2, 3}, {3, 4}, true},
      {{24, 1}, {1, 3}},
      {{1, 13}, {13, 1}},
      {{0, 3}, {3, 2}},
      {{3, 0}, {0, 2}},
      {{3, 2, 5}, {3, 5, 4}},
      {{3, 2, 5}, {5, 4}, true},
      {{2, 5}, {3, 5, 4}},
      {{2, 1, 3, 2}, {1, 3, 2, 2}, true},
      {{0, 3, 2}, {0, 2, 2}},
  };
  for (const Case& c : cases)
    for (bool ta : {false, true})
      for (bool tb : {false, true})
        check_op(
            {.name = c.a.str() + c.b.str() + (ta ? " ta" : "") + (tb ? " tb" : ""),
             .f = matmul_with({.transpose_a = ta, .transpose_b = tb}),
             .inputs = {random_input(flipped(c.a, ta), 1), random_input(flipped(c.b, tb), 2)},
             .second = c.second});
}

TEST(Matmul, ClosedForm) {
  check_op(
      {.name = "2 x 2",
       .f = matmul_with({}),
       .inputs =
           {Tensor::from({1.f, 2.f, 3.f, 4.f}, {2, 2}), Tensor::from({5.f, 6.f, 7.f, 8.f}, {2, 2})},
       .expected = {{19, 22, 43, 50}},
       .second = true});
}

TEST(Matmul, VectorsAreRowsAndColumns) {
  Tensor v = random_input({5}, 1), w = random_input({5}, 2), m = random_input({5, 3}, 3);
  EXPECT_EQ(matmul(v, w).shape(), Shape{});
  EXPECT_LE(test::relative_error(matmul(v, w), sum(v * w)), 1e-6);
  EXPECT_EQ(matmul(v, m).shape(), Shape{3});
  EXPECT_EQ(matmul(transpose(m), v).shape(), Shape{3});
  EXPECT_LE(test::relative_error(matmul(m, v, {.transpose_a = true}), matmul(v, m)), 1e-6);
  check_op({.name = "row", .f = matmul_with({}), .inputs = {v, m}, .second = true});
}

TEST(Matmul, GradientReachesATransposedTensorToo) {
  Tensor a = random_input({3, 5}, 1), b = random_input({5, 4}, 2), turned = transpose(a);
  Tensor dy = random_input({3, 4}, 3);
  Tensor da = grad(matmul(turned, b, {.transpose_a = true}), turned, dy);
  EXPECT_LE(test::relative_error(da, matmul(b, dy, {.transpose_b = true})), 1e-6);
}

TEST(Matmul, GradientHoldsNoTranspose) {
  Tensor a = random_input({4, 3}, 1), b = random_input({3, 5}, 2);
  Tensor y = matmul(a, b);
  Tensor wanted[] = {a, b};
  for (const Tensor& g : grad(sum(y), wanted))
    for (const auto& node : reachable(std::span(&g, 1), true))
      EXPECT_NE(node->primitive->name(), "transpose");
}

TEST(Linear, IsProductWithTheTransposedWeightsPlusBias) {
  Fn f = [](std::span<const Tensor> in) {
    return std::vector<Tensor>{linear(in[0], in[1], in[2])};
  };
  for (const Shape& x : {Shape{7}, Shape{13, 7}, Shape{2, 3, 7}, Shape{0, 7}})
    check_op(
        {.name = x.str(),
         .f = f,
         .inputs = {random_input(x, 1), random_input({3, 7}, 2), random_input({3}, 3)},
         .second = true});
  Tensor x = random_input({2, 3, 7}, 4), w = random_input({5, 7}, 5), b = random_input({5}, 6);
  EXPECT_LE(test::relative_error(linear(x, w, b), matmul(x, transpose(w)) + b), 1e-6);
  EXPECT_LE(test::relative_error(linear(x, w), matmul(x, transpose(w))), 1e-6);
}

TEST(Matmul, LargeProductsAgreeWithReference) {
  for (bool ta : {false, true})
    for (bool tb : {false, true}) {
      MatmulOptions o{.transpose_a = ta, .transpose_b = tb};
      Tensor a = random_input(flipped({150, 401}, ta), 1),
             b = random_input(flipped({401, 97}, tb), 2);
      Tensor slow = matmul(to_device(a, Device{Device::ref}), b, o);
      EXPECT_LE(test::relative_error(matmul(a, b, o), slow), 1e-5);
    }
}

TEST(Matmul, NeverFallsOnTheLibrarysReferenceLoops) {
  for (int64_t m : {1, 2, 7, 64, 1000})
    for (int64_t k : {1, 3, 400})
      for (int64_t n : {1, 10, 120})
        for (const Shape& grid : {Shape{}, Shape{3}})
          for (bool ta : {false, true})
            for (bool tb : {false, true}) {
              Shape a = grid, b = grid;
              for (int64_t e : {m, k}) a.push_back(e);
              for (int64_t e : {k, n}) b.push_back(e);
              Matmul op({.transpose_a = ta, .transpose_b = tb});
              Tensor in[] = {Tensor::empty(flipped(a, ta)), Tensor::empty(flipped(b, tb))};
              std::string name = cpu::matmul_implementation(op, in);
              EXPECT_FALSE(name.starts_with("ref")) << name << a.str() << b.str() << ta << tb;
            }
}

TEST(Matmul, CountsFlops) {
  Matmul op;
  Tensor in[] = {Tensor::empty({2, 3, 4}), Tensor::empty({2, 4, 5})},
         out = Tensor::empty({2, 3, 5});
  EXPECT_EQ(op.cost(in, std::span(&out, 1)).flops, 2.0 * 2 * 3 * 4 * 5);
}

TEST(Matmul, Messages) {
  Tensor a = random_input({2, 3}, 1), b = random_input({4, 5}, 2);
  EXPECT_EQ(
      message_of([&] { matmul(a, b); }),
      "[matmul] expected equal inner extents, got 3 in a (..., M, K) (2, 3) and 4 in b (..., K, N) "
      "(4, 5)");
  EXPECT_EQ(
      message_of([&] { matmul(a, Tensor(2.0)); }),
      "[matmul] expected tensors with one axis or more, got f32 (2, 3) and f32 (); use * to scale");
  EXPECT_EQ(
      message_of([&] {
        matmul(test::int_input({2, 2}, 1, 0, 3), test::int_input({2, 2}, 1, 0, 3));
      }),
      "[matmul] expected two f32 or two f64 tensors, got i32 (2, 2) and i32 (2, 2); cast them");
  EXPECT_EQ(
      message_of([&] { linear(a, b); }),
      "[linear] expected x (..., I) and w (O, I), got x (2, 3) and w (4, 5)");
  EXPECT_EQ(
      message_of([&] {
        linear(a, random_input({5, 3}, 3), random_input({4}, 4));
      }),
      "[linear] expected a bias f32 (5) for weights (5, 3), got f32 (4)");
}

}  // namespace
}  // namespace fovea
