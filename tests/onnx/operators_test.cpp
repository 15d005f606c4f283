// Operators against what they are made of, where the standard's own tests are not at hand.
#include <algorithm>
#include <limits>
#include <map>

#include <gtest/gtest.h>

#include "fovea/onnx/graph.h"
#include "fovea/ops/elementwise.h"
#include "fovea/ops/join.h"
#include "fovea/ops/matmul.h"
#include "fovea/ops/random.h"
#include "fovea/ops/reduce.h"
#include "fovea/ops/shape.h"
#include "fovea/ops/slice.h"
#include "fovea/ops/softmax.h"
#include "tests/onnx/nodes.h"
#include "tests/support/check_op.h"
#include "tests/support/expect.h"

namespace fovea::onnx {
namespace {

using formats::OnnxAttribute;
using formats::OnnxModel;
using Attributes = std::map<std::string, OnnxAttribute>;
using Type = OnnxAttribute::Type;
using test::message_of;

OnnxAttribute integer(int64_t n) { return {.type = Type::integer, .integer = n}; }
OnnxAttribute number(float n) { return {.type = Type::number, .number = n}; }
OnnxAttribute text(const char* t) { return {.type = Type::text, .text = t}; }
OnnxAttribute integers(std::vector<int64_t> n) {
  return {.type = Type::integers, .integers = std::move(n)};
}

Tensor noise(const Shape& shape, uint64_t seed) { return random_normal(shape, Key{seed}).eval(); }

// A graph of these nodes, from inputs "a", "b", ... to "y".
Tensor run_nodes(
    std::vector<formats::OnnxNode> nodes, const std::vector<Tensor>& in, int64_t opset = 23) {
  OnnxModel m;
  m.opsets[""] = opset;
  std::string name = "a";
  for (const Tensor& t : in) {
    const Shape& s = t.shape();
    m.inputs.push_back(
        {name, std::string(name_of(t.dtype())), t.dtype(), std::vector(s.begin(), s.end())});
    ++name[0];
  }
  m.outputs.push_back({"y", "", {}, {}});
  m.nodes = std::move(nodes);
  return Graph(std::move(m)).run(in)[0];
}

Tensor run(
    const char* op, const std::vector<Tensor>& in, Attributes attributes = {}, int64_t opset = 23) {
  formats::OnnxNode n = node(op, {}, "y");
  for (size_t i = 0; i < in.size(); ++i) n.inputs.push_back(std::string(1, char('a' + i)));
  n.attributes = std::move(attributes);
  return run_nodes({n}, in, opset);
}

TEST(OnnxOperators, Mod) {
  const Tensor a = Tensor::from<int32_t>({-4, 7, 5, 4, -7, 8}, {6});
  const Tensor b = Tensor::from<int32_t>({2, -3, 8, -2, 3, 5}, {6});
  EXPECT_EQ(run("Mod", {a, b}).dtype(), Dtype::i32);
  EXPECT_EQ(run("Mod", {a, b}).to_vector(), (std::vector<float>{0, -2, 5, 0, 2, 3}));
  const Attributes by_dividend{{"fmod", integer(1)}};
  EXPECT_EQ(run("Mod", {a, b}, by_dividend).to_vector(), (std::vector<float>{0, 1, 5, 0, -1, 3}));
  const Tensor x = Tensor::from<float>({-4.5F, 7, 5}, {3}), y = Tensor::from<float>({2}, {1});
  EXPECT_EQ(run("Mod", {x, y}, by_dividend).to_vector(), (std::vector<float>{-0.5F, 1, 1}));
  EXPECT_HAS(message_of([&] { run("Mod", {x, y}); }), "expected fmod = 1");
}

TEST(OnnxOperators, Hardmax) {
  const Tensor x = Tensor::from<float>({1, 3, 3, 2, 4, 0, 0, 0}, {2, 4});
  EXPECT_EQ(run("Hardmax", {x}).to_vector(), (std::vector<float>{0, 1, 0, 0, 1, 0, 0, 0}));
  EXPECT_EQ(
      run("Hardmax", {x}, {{"axis", integer(0)}}).to_vector(),
      (std::vector<float>{0, 1, 1, 1, 1, 0, 0, 0}));
}

TEST(OnnxOperators, Einsum) {
  auto sums = [](const char* equation, const std::vector<Tensor>& in) {
    return run("Einsum", in, {{"equation", text(equation)}});
  };
  const Tensor q = noise({2, 3, 4, 5}, 1), k = noise({2, 3, 6, 5}, 2), w = noise({5, 7}, 3);
  auto expect_near = [](const Tensor& got, const Tensor& expected) {
    ASSERT_EQ(got.shape(), expected.shape());
    EXPECT_LE(test::relative_error(got, expected), 1e-5);
  };
  expect_near(sums("bhqd,bhkd->bhqk", {q, k}), matmul(q, k, {.transpose_b = true}));
  expect_near(
      sums("bhqd, bhkd -> bkqh", {q, k}),
      transpose(matmul(q, k, {.transpose_b = true}), {0, 3, 2, 1}));
  expect_near(sums("nchw,wk->nchk", {q, w}), matmul(q, w));
  expect_near(sums("...w,wk->...k", {q, w}), matmul(q, w));
  expect_near(sums("bhqd,bhqd,dk->k", {q, q, w}), matmul(sum(q * q, {0, 1, 2}), w));
  expect_near(sums("...ij,...jk", {k, noise({1, 3, 5, 2}, 4)}), matmul(k, noise({1, 3, 5, 2}, 4)));
  const Tensor m = noise({3, 4}, 5), v = noise({4}, 6);
  expect_near(sums("ij->ji", {m}), transpose(m));
  expect_near(sums("ij->i", {m}), sum(m, {1}));
  expect_near(sums("ba", {m}), transpose(m));
  expect_near(sums("i,i", {v, v}), sum(v * v));
  expect_near(sums("i,j->ij", {v, v}), reshape(v, {4, 1}) * v);
  EXPECT_HAS(message_of([&] { sums("ii->i", {noise({3, 3}, 7)}); }), "a label met twice");
  EXPECT_HAS(message_of([&] { sums("ij->k", {m}); }), "no input has the label k");
  EXPECT_HAS(message_of([&] { sums("ijk->i", {m}); }), "\"ijk\" for 2 axes");
  EXPECT_HAS(message_of([&] { sums("ij,jk", {m}); }), "for 1 inputs");
  EXPECT_HAS(message_of([&] { sums("ij,j", {m, noise({3}, 8)}); }), "label j is 4 in one input");
}

class OnnxAttention : public testing::Test {
 protected:
  static Tensor heads(const Tensor& x, int64_t count) {
    return transpose(reshape(x, {x.dim(0), x.dim(1), count, x.dim(2) / count}), {0, 2, 1, 3});
  }
  const Tensor q = noise({2, 4, 3, 16}, 1), k = noise({2, 4, 5, 16}, 2), v = noise({2, 4, 5, 6}, 3);
  const Tensor plain = matmul(softmax(matmul(q, k, {.transpose_b = true}) * 0.25), v).eval();
};

TEST_F(OnnxAttention, IsSoftmaxOfProducts) {
  EXPECT_LE(test::relative_error(run("Attention", {q, k, v}), plain), 1e-5);
  const Tensor cap = tanh(matmul(q, k, {.transpose_b = true}) * 0.1 / 2.0) * 2.0;
  EXPECT_LE(
      test::relative_error(
          run("Attention", {q, k, v}, {{"scale", number(0.1F)}, {"softcap", number(2)}}),
          matmul(softmax(cap), v)),
      1e-5);
}

TEST_F(OnnxAttention, TakesHeadsInARow) {
  const Tensor a = noise({2, 3, 64}, 4), b = noise({2, 5, 32}, 5);
  const Tensor keys = repeat(heads(b, 2), 2, 1);
  const Tensor y = run("Attention", {heads(a, 4).eval(), keys.eval(), keys.eval()});
  const Tensor got =
      run("Attention", {a, b, b}, {{"q_num_heads", integer(4)}, {"kv_num_heads", integer(2)}});
  ASSERT_EQ(got.shape(), a.shape());
  EXPECT_LE(test::relative_error(got, reshape(transpose(y, {0, 2, 1, 3}), a.shape())), 1e-5);
}

TEST_F(OnnxAttention, MasksHideKeys) {
  const Tensor causal = run("Attention", {q, k, v}, {{"is_causal", integer(1)}});
  EXPECT_LE(test::relative_error(select(causal, 2, 0), select(v, 2, 0)), 1e-6);
  // The first three keys for the first query, none for the second, all for the third.
  const Tensor seen = cast(
      Tensor::from<float>({1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1}, {3, 5}), Dtype::boolean);
  const Tensor masked = run("Attention", {q, k, v, seen.eval()});
  EXPECT_EQ(select(masked, 2, 1).to_vector(), std::vector<float>(2 * 4 * 6, 0.F));
  EXPECT_LE(test::relative_error(select(masked, 2, 2), select(plain, 2, 2)), 1e-5);
  const Tensor part = run("Attention", {q, slice(k, 2, {0, 3}).eval(), slice(v, 2, {0, 3}).eval()});
  EXPECT_LE(test::relative_error(select(masked, 2, 0), select(part, 2, 0)), 1e-5);
  const Tensor bias = noise({4, 3, 5}, 6);
  EXPECT_LE(
      test::relative_error(
          run("Attention", {q, k, v, bias}),
          matmul(softmax(matmul(q, k, {.transpose_b = true}) * 0.25 + bias), v)),
      1e-5);
}

TEST(OnnxQuantize, RoundsToEvenAndKeepsToTheRange) {
  const Tensor x = Tensor::from<float>({0, 2, 3, 1000, -254, -1000}, {6});
  const Tensor scale = Tensor::from<float>({2}, {}), zero = Tensor::from<uint8_t>({128}, {});
  const Tensor y = run("QuantizeLinear", {x, scale, zero});
  EXPECT_EQ(y.dtype(), Dtype::u8);
  EXPECT_EQ(y.to_vector(), (std::vector<float>{128, 129, 130, 255, 1, 0}));
  EXPECT_EQ(run("QuantizeLinear", {x, scale}, {}, 10).to_vector()[5], 0);
  const Tensor with_sign = run("QuantizeLinear", {x, scale, Tensor::from<int8_t>({0}, {})});
  EXPECT_EQ(with_sign.to_vector(), (std::vector<float>{0, 1, 2, 127, -127, -128}));
  EXPECT_EQ(
      run("DequantizeLinear", {y, scale, zero}).to_vector(),
      (std::vector<float>{0, 2, 4, 254, -254, -256}));
  EXPECT_HAS(
      message_of([&] {
        run("QuantizeLinear", {x, scale, zero}, {{"block_size", integer(2)}});
      }),
      "block_size");
}

// One scale a channel, beside images that a convolution left with channels last.
TEST(OnnxQuantize, AxesAreTheFiles) {
  const Tensor x = Tensor::from<float>({1, 2, 3, 4, 10, 20, 30, 40}, {1, 2, 2, 2});
  const Tensor same = Tensor::from<float>({1, 0, 0, 1}, {2, 2, 1, 1});
  const Tensor scales = Tensor::from<float>({1, 10}, {2});
  const Tensor zeros = Tensor::from<int8_t>({3, -5}, {2});
  const auto quantized = node("QuantizeLinear", {"maps", "c", "d"}, "q");
  const auto back = node("DequantizeLinear", {"q", "c", "d"}, "y");
  const std::vector<Tensor> in{x, same, scales, zeros};
  EXPECT_EQ(
      run_nodes({node("Conv", {"a", "b"}, "maps"), quantized, back}, in).to_vector(),
      x.to_vector());
  auto last = quantized;
  last.outputs = {"y"};
  EXPECT_EQ(
      run_nodes({node("Conv", {"a", "b"}, "maps"), last}, in).to_vector(),
      (std::vector<float>{4, 5, 6, 7, -4, -3, -2, -1}));
}

TEST(OnnxOperators, MaxPoolWithGaps) {
  const Attributes gaps{{"kernel_shape", integers({2, 2})}, {"dilations", integers({2, 2})}};
  std::vector<float> values;
  for (int i = 1; i <= 16; ++i) values.push_back(float(i));
  const Tensor square = Tensor::from(values, {1, 1, 4, 4});
  EXPECT_EQ(run("MaxPool", {square}, gaps).to_vector(), (std::vector<float>{11, 12, 15, 16}));

  // Against the definition, with padding, steps and a window that hangs over the edge.
  const Tensor x = noise({2, 3, 7, 6}, 1);
  for (const bool ceil : {false, true}) {
    Attributes a{
        {"kernel_shape", integers({3, 2})},
        {"dilations", integers({2, 3})},
        {"strides", integers({2, 2})},
        {"pads", integers({1, 1, 2, 0})},
        {"ceil_mode", integer(ceil)}};
    const Tensor y = run("MaxPool", {x}, a);
    // Extents 5 and 4 over 10 and 7.
    const int64_t rows = ceil ? 4 : 3, columns = ceil ? 3 : 2;
    ASSERT_EQ(y.shape(), (Shape{2, 3, rows, columns}));
    const auto pixels = x.to_vector();
    const auto got = y.to_vector();
    size_t at = 0;
    for (int64_t plane = 0; plane < 6; ++plane)
      for (int64_t i = 0; i < rows; ++i)
        for (int64_t j = 0; j < columns; ++j) {
          float expected = -std::numeric_limits<float>::infinity();
          for (int64_t p = 0; p < 3; ++p)
            for (int64_t q = 0; q < 2; ++q) {
              const int64_t row = 2 * i - 1 + 2 * p, column = 2 * j - 1 + 3 * q;
              if (row >= 0 && row < 7 && column >= 0 && column < 6)
                expected = std::max(expected, pixels[size_t((plane * 7 + row) * 6 + column)]);
            }
          ASSERT_EQ(got[at++], expected) << i << ", " << j;
        }
  }
}

}  // namespace
}  // namespace fovea::onnx
