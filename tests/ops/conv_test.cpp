#include "fovea/ops/conv.h"

#include <cmath>
#include <thread>

#include <gtest/gtest.h>

#include "fovea/autograd/transforms.h"
#include "fovea/ops/activation.h"
#include "fovea/ops/elementwise.h"
#include "fovea/ops/matmul.h"
#include "fovea/ops/reduce.h"
#include "fovea/ops/shape.h"
#include "tests/support/check_op.h"
#include "tests/support/fixture_tensors.h"

namespace fovea {
namespace {

using test::check_op;
using test::message_of;
using test::random_input;

Fn conv_with(Conv2dOptions o) {
  return [o](std::span<const Tensor> in) {
    return std::vector<Tensor>{
        in.size() > 2 ? conv2d(in[0], in[1], in[2], o) : conv2d(in[0], in[1], o)};
  };
}

// A row of pixels with one channel, and a kernel along it.
Tensor row(std::initializer_list<float> values) {
  return Tensor::from(values, {1, 1, int64_t(values.size()), 1});
}

struct Case {
  const char* name;
  Shape x, w;
  Conv2dOptions o = {};
  bool second = false;
};

const Case cases[] = {
    {"one", {1, 1, 1, 1}, {1, 1, 1, 1}, {}, true},
    {"pointwise", {2, 3, 3, 13}, {7, 1, 1, 13}, {}, true},
    {"pointwise strided", {1, 5, 4, 3}, {2, 1, 1, 3}, {.stride = {2, 3}}, true},
    {"pointwise padded", {1, 3, 3, 2}, {4, 1, 1, 2}, {.stride = {2, 2}, .pad = {1, 1, 1, 1}}, true},
    {"3 x 3", {2, 5, 4, 3}, {7, 3, 3, 3}, {.pad = {1, 1, 1, 1}}},
    {"3 x 3 small", {1, 3, 3, 2}, {2, 3, 3, 2}, {.pad = {1, 1, 1, 1}}, true},
    {"stride 2", {1, 7, 6, 2}, {3, 3, 3, 2}, {.stride = {2, 2}, .pad = {1, 1, 1, 1}}, true},
    {"stride 3, rest unread", {1, 7, 8, 1}, {3, 2, 2, 1}, {.stride = {3, 3}}, true},
    {"asymmetric", {2, 5, 4, 1}, {2, 3, 2, 1}, {.stride = {2, 1}, .pad = {0, 2, 1, 0}}, true},
    {"wide padding", {1, 2, 3, 1}, {2, 5, 5, 1}, {.pad = {4, 4, 4, 4}}},
    {"dilated", {1, 7, 6, 2}, {2, 3, 2, 2}, {.pad = {1, 2, 1, 1}, .dilation = {2, 3}}, true},
    {"dilated and strided", {1, 9, 9, 1}, {2, 3, 3, 1}, {.stride = {2, 2}, .dilation = {2, 2}}},
    {"groups", {1, 4, 5, 6}, {9, 3, 3, 2}, {.pad = {1, 1, 1, 1}, .groups = 3}},
    {"groups of 1 in, 2 out", {1, 3, 3, 3}, {6, 2, 2, 1}, {.groups = 3}, true},
    {"depthwise", {2, 5, 5, 13}, {13, 3, 3, 1}, {.pad = {1, 1, 1, 1}, .groups = 13}},
    {"depthwise strided", {1, 5, 5, 3}, {3, 3, 3, 1}, {.stride = {2, 2}, .groups = 3}, true},
    {"depthwise dilated", {1, 7, 7, 24}, {24, 3, 3, 1}, {.dilation = {2, 2}, .groups = 24}},
    {"depthwise 5 x 5", {2, 5, 4, 23}, {23, 5, 5, 1}, {.pad = {2, 2, 2, 2}, .groups = 23}},
    {"depthwise 4 x 7",
     {1, 6, 9, 5},
     {5, 4, 7, 1},
     {.stride = {2, 3}, .pad = {1, 2, 4, 2}, .dilation = {2, 1}, .groups = 5}},
    {"depthwise wide", {1, 2, 3, 18}, {18, 3, 9, 1}, {.pad = {1, 1, 5, 4}, .groups = 18}},
    {"kernel wider than image", {1, 4, 4, 3}, {2, 7, 7, 3}, {.pad = {3, 3, 3, 3}}},
};

TEST(Conv2d, EveryCaseAgreesWithReferenceAndGradients) {
  for (const Case& c : cases) {
    Tensor x = random_input(c.x, 1), w = random_input(c.w, 2), b = random_input({c.w[0]}, 3);
    check_op({.name = c.name, .f = conv_with(c.o), .inputs = {x, w}, .second = c.second});
    check_op({.name = c.name, .f = conv_with(c.o), .inputs = {x, w, b}, .second = c.second});
  }
}

TEST(Conv2d, TransposedAgreesWithReferenceAndGradients) {
  for (const Case& c : cases) {
    Shape y = conv2d_shape(c.x, c.w, c.o);
    Fn f = [&](std::span<const Tensor> in) {
      return std::vector<Tensor>{conv2d_transpose(in[0], in[1], c.x, c.o)};
    };
    check_op(
        {.name = c.name,
         .f = f,
         .inputs = {random_input(y, 1), random_input(c.w, 2)},
         .second = c.second});
  }
}

// <conv(x), y> = <x, conv^T(y)>: one is the other's transpose.
TEST(Conv2d, TransposedIsTheAdjoint) {
  for (const Case& c : cases) {
    Tensor x = random_input(c.x, 1), w = random_input(c.w, 2);
    Tensor y = random_input(conv2d_shape(c.x, c.w, c.o), 3);
    double left = sum(conv2d(x, w, c.o) * y).item<double>();
    double right = sum(x * conv2d_transpose(y, w, c.x, c.o)).item<double>();
    EXPECT_NEAR(left, right, 1e-5 * double(y.numel())) << c.name;
  }
}

TEST(Conv2d, LargeOnesAgreeWithReference) {
  const Case large[] = {
      {"3 x 3", {2, 14, 15, 64}, {32, 3, 3, 64}, {.pad = {1, 1, 1, 1}}},
      {"stem", {1, 31, 30, 3}, {16, 7, 7, 3}, {.stride = {2, 2}, .pad = {3, 3, 3, 3}}},
      {"depthwise", {2, 14, 14, 96}, {96, 7, 7, 1}, {.pad = {3, 3, 3, 3}, .groups = 96}},
      {"groups", {2, 9, 9, 64}, {64, 3, 3, 2}, {.pad = {1, 1, 1, 1}, .groups = 32}},
  };
  for (const Case& c : large)
    check_op(
        {.name = c.name,
         .f = conv_with(c.o),
         .inputs = {random_input(c.x, 1), random_input(c.w, 2), random_input({c.w[0]}, 3)},
         .tolerance = 1e-5,
         .gradient = false});
}

TEST(Conv2d, PointwiseOnesOfFewPixelsAgreeWithReference) {
  const Case few[] = {
      {"of each pixel", {1, 3, 4, 50}, {41, 1, 1, 50}},
      {"strided", {2, 5, 7, 37}, {43, 1, 1, 37}, {.stride = {2, 3}}},
      {"to less than a grain for each thread", {1, 2, 2, 50}, {20, 1, 1, 50}},
  };
  const int before = threads();
  for (int count : {1, 3}) {
    set_threads(count);
    for (const Case& c : few)
      check_op(
          {.name = c.name,
           .f = conv_with(c.o),
           .inputs = {random_input(c.x, 1), random_input(c.w, 2)},
           .tolerance = 1e-5,
           .gradient = false});
  }
  set_threads(before);
}

TEST(Conv2d, LargeGradientsAgreeWithReference) {
  const Case large[] = {
      {"pointwise", {3, 9, 7, 20}, {48, 1, 1, 20}},
      {"pointwise strided", {3, 9, 8, 20}, {48, 1, 1, 20}, {.stride = {2, 3}}},
      {"pointwise of many weights", {2, 3, 3, 257}, {515, 1, 1, 257}},
      {"3 x 3 strided", {2, 9, 10, 131}, {133, 3, 3, 131}, {.stride = {2, 2}, .pad = {1, 1, 1, 1}}},
      {"3 x 3", {2, 14, 15, 32}, {32, 3, 3, 32}, {.pad = {1, 1, 1, 1}}},
      {"depthwise", {3, 21, 20, 48}, {48, 7, 7, 1}, {.pad = {3, 3, 3, 3}, .groups = 48}},
      {"depthwise strided",
       {3, 21, 20, 40},
       {40, 5, 5, 1},
       {.stride = {2, 2}, .pad = {2, 2, 2, 2}, .groups = 40}},
  };
  for (const Case& c : large) {
    Tensor in[] = {random_input(c.x, 1), random_input(c.w, 2)};
    Tensor dy = random_input(conv2d_shape(c.x, c.w, c.o), 4);
    Vjp fast = vjp(conv_with(c.o), in, std::span(&dy, 1));
    for (Tensor& t : in) t = to_device(t, Device{Device::ref});
    Vjp slow = vjp(conv_with(c.o), in, std::span(&dy, 1));
    for (size_t i = 0; i < 2; ++i)
      EXPECT_LE(test::relative_error(fast.grads[i], slow.grads[i]), 1e-5) << c.name << i;
  }
}

// LAY-12: taps `dilation` apart.
TEST(Conv2d, DilationIsTheDistanceOfTheTaps) {
  Tensor x = row({1, 10, 100, 1000, 10000}), w = row({2, 3, 5});
  EXPECT_EQ(conv2d(x, w).to_vector(), (std::vector<float>{532, 5320, 53200}));
  EXPECT_EQ(conv2d(x, w, {.dilation = {1, 2}}).to_vector(), (std::vector<float>{50302}));
}

// LAY-11: a 1 x 1 convolution is a linear map of each pixel. LAY-13: any convolution is a product
// of the matrix of patches with that of filters.
TEST(Conv2d, IsAMatrixProduct) {
  Tensor x = random_input({2, 3, 5, 7}, 1), w = random_input({4, 1, 1, 7}, 2);
  EXPECT_LE(test::relative_error(conv2d(x, w), linear(x, reshape(w, {4, 7}))), 1e-6);

  Tensor image = random_input({1, 3, 3, 2}, 3), filters = random_input({4, 2, 2, 2}, 4);
  std::vector<float> v = image.to_vector(), patches;
  for (size_t i : {0, 1})
    for (size_t j : {0, 1})
      for (size_t p : {0, 1})
        for (size_t q : {0, 1})
          for (size_t c : {0, 1}) patches.push_back(v[((i + p) * 3 + j + q) * 2 + c]);
  Tensor product =
      matmul(Tensor::from(patches, {4, 8}), reshape(filters, {4, 8}), {.transpose_b = true});
  EXPECT_LE(test::relative_error(conv2d(image, filters), reshape(product, {1, 2, 2, 4})), 1e-6);
}

// LAY-29: the example of a 1-D kernel (x, y, z) with padding 1, as letters with distinct values.
TEST(Conv2d, OneDimensionalExampleAndItsTranspose) {
  const float a = 2, b = 3, c = 5, d = 7, x = 11, y = 13, z = 17;
  Tensor signal = row({a, b, c, d}), kernel = row({x, y, z});
  EXPECT_EQ(
      conv2d(signal, kernel, {.pad = {0, 0, 1, 1}}).to_vector(),
      (std::vector<float>{
          a * y + b * z, a * x + b * y + c * z, b * x + c * y + d * z, c * x + d * y}));
  EXPECT_EQ(
      conv2d_transpose(signal, kernel, {1, 1, 6, 1}).to_vector(),
      (std::vector<float>{
          a * x,
          a * y + b * x,
          a * z + b * y + c * x,
          b * z + c * y + d * x,
          c * z + d * y,
          d * z}));
}

// LAY-29: it is also an ordinary convolution, of the input spread out with stride - 1 zeros, padded
// and with the kernel turned by 180 degrees.
TEST(Conv2d, TransposedIsAConvolutionOfTheSpreadOutInput) {
  Tensor y = row({2, 3, 5}), w = row({7, 11, 13});
  Tensor spread = row({2, 0, 3, 0, 5}), turned = row({13, 11, 7});
  EXPECT_EQ(
      conv2d_transpose(y, w, {1, 1, 7, 1}, {.stride = {1, 2}}).to_vector(),
      conv2d(spread, turned, {.pad = {0, 0, 2, 2}}).to_vector());
}

// LAY-01, LAY-02.
TEST(Conv2d, ResultShapes) {
  EXPECT_EQ(
      conv2d_shape({1, 32, 32, 3}, {10, 5, 5, 3}, {.pad = {2, 2, 2, 2}}), (Shape{1, 32, 32, 10}));
  EXPECT_EQ(conv2d_shape({1, 32, 32, 3}, {1, 5, 5, 3}), (Shape{1, 28, 28, 1}));
  EXPECT_EQ(conv2d_shape({1, 7, 7, 1}, {1, 3, 3, 1}, {.exact = true})[1], 5);
  EXPECT_EQ(conv2d_shape({1, 7, 7, 1}, {1, 3, 3, 1}, {.stride = {2, 2}, .exact = true})[1], 3);
  EXPECT_EQ(conv2d_shape({1, 7, 7, 1}, {1, 3, 3, 1}, {.stride = {3, 3}})[1], 2);
  EXPECT_EQ(
      conv2d_transpose_shape({1, 4, 4, 8}, {8, 4, 4, 3}, {.stride = {2, 2}, .pad = {1, 1, 1, 1}}),
      (Shape{1, 8, 8, 3}));
  EXPECT_EQ(
      conv2d_transpose_shape(
          {1, 4, 4, 8}, {8, 3, 3, 3}, {.stride = {2, 2}, .pad = {1, 1, 1, 1}}, {1, 1}),
      (Shape{1, 8, 8, 3}));
}

TEST(Conv2d, FusedReluEqualsConvolutionThenRelu) {
  Conv2dOptions o{.pad = {1, 1, 1, 1}};
  Tensor x = random_input({2, 5, 4, 3}, 1), w = random_input({7, 3, 3, 3}, 2);
  Tensor b = random_input({7}, 3);
  EXPECT_LE(test::relative_error(conv2d_relu(x, w, b, o), relu(conv2d(x, w, b, o))), 1e-6);
  Fn f = [&](std::span<const Tensor> in) {
    return std::vector<Tensor>{conv2d_relu(in[0], in[1], in[2], o)};
  };
  check_op({.name = "conv2d_relu", .f = f, .inputs = {x, w, b}});
}

// The fused ReLU of the cpu backend may lose a NaN; what is made of single ops does not, and
// neither does the reference.
TEST(Conv2d, ReluKeepsNanWhereItIsPromised) {
  Conv2dOptions o{.pad = {1, 1, 1, 1}};
  const Device ref{Device::ref};
  for (int64_t channels : {3, 16}) {
    Tensor w = random_input({16, 3, 3, channels}, 2), b = random_input({16}, 3);
    std::vector<float> pixels = random_input({1, 6, 6, channels}, 1).to_vector();
    pixels[0] = NAN;
    Tensor x = Tensor::from(pixels, {1, 6, 6, channels});
    auto apart = relu(conv2d(x, w, b, o)).to_vector(), fused = conv2d_relu(x, w, b, o).to_vector();
    auto truth =
        conv2d_relu(to_device(x, ref), to_device(w, ref), to_device(b, ref), o).to_vector();
    for (size_t i = 0; i < truth.size(); ++i) {
      bool reached = i / 16 % 6 < 2 && i / 16 / 6 < 2;  // by the NaN in the corner
      ASSERT_EQ(std::isnan(truth[i]), reached) << i;
      ASSERT_EQ(std::isnan(apart[i]), reached) << i;
      if (reached) {
        EXPECT_TRUE(std::isnan(fused[i]) || fused[i] == 0) << i << ": " << fused[i];
      } else {
        EXPECT_NEAR(fused[i], truth[i], 1e-5) << i;
      }
    }
  }
}

TEST(Conv2d, FusedAdditionEqualsConvolutionThenAddition) {
  for (const Case& c : cases) {
    Tensor x = random_input(c.x, 1), w = random_input(c.w, 2), b = random_input({c.w[0]}, 3);
    Tensor residual = random_input(conv2d_shape(c.x, c.w, c.o), 4);
    Tensor y = conv2d(x, w, b, c.o) + residual;
    EXPECT_LE(test::relative_error(conv2d_add(x, w, b, residual, c.o), y), 1e-6) << c.name;
    EXPECT_LE(test::relative_error(conv2d_relu(x, w, b, c.o, residual), relu(y)), 1e-6) << c.name;
    Fn add = [&](std::span<const Tensor> in) {
      return std::vector<Tensor>{conv2d_add(in[0], in[1], in[2], in[3], c.o)};
    };
    Fn add_relu = [&](std::span<const Tensor> in) {
      return std::vector<Tensor>{conv2d_relu(in[0], in[1], in[2], c.o, in[3])};
    };
    check_op({.name = c.name, .f = add, .inputs = {x, w, b, residual}, .second = c.second});
    check_op({.name = c.name, .f = add_relu, .inputs = {x, w, b, residual}});
  }
  Tensor x = random_input({1, 4, 4, 2}, 1), w = random_input({3, 3, 3, 2}, 2);
  EXPECT_EQ(
      message_of([&] { conv2d_add(x, w, random_input({3}, 3), x); }),
      "[conv2d] expected a residual of the result's shape (1, 2, 2, 3), got (1, 4, 4, 2)");
}

TEST(Conv2d, EmptyBatch) {
  Tensor x = Tensor::empty({0, 5, 5, 3}), w = random_input({4, 3, 3, 3}, 1),
         b = random_input({4}, 2);
  Tensor in[] = {x, w, b};
  Tensor dy = Tensor::empty({0, 3, 3, 4});
  Vjp r = vjp(conv_with({}), in, std::span(&dy, 1));
  EXPECT_EQ(r.values[0].shape(), (Shape{0, 3, 3, 4}));
  EXPECT_EQ(r.grads[0].shape(), x.shape());
  EXPECT_EQ(r.grads[1].to_vector(), std::vector<float>(4 * 27, 0.0f));
  EXPECT_EQ(r.grads[2].to_vector(), std::vector<float>(4, 0.0f));
}

TEST(Conv2d, SeveralThreadsMayConvolveAtOnce) {
  auto one = [](int64_t channels) {
    Tensor x = random_input({2, 9, 9, channels}, 1), w = random_input({5, 3, 3, channels}, 2);
    return grad(sum(square(conv2d(x, w))), w).to_vector();
  };
  std::vector<std::vector<float>> expected(6), got(6);
  for (size_t i = 0; i < 6; ++i) expected[i] = one(3 + int64_t(i % 3));
  std::vector<std::thread> pool;
  for (size_t i = 0; i < 6; ++i) pool.emplace_back([&, i] { got[i] = one(3 + int64_t(i % 3)); });
  for (std::thread& t : pool) t.join();
  EXPECT_EQ(got, expected);
}

TEST(Conv2d, CountsFlops) {
  ConvFwd op({.pad = {1, 1, 1, 1}, .groups = 2});
  Tensor in[] = {Tensor::empty({2, 5, 5, 4}), Tensor::empty({6, 3, 3, 2})};
  Tensor out = Tensor::empty({2, 5, 5, 6});
  EXPECT_EQ(op.cost(in, std::span(&out, 1)).flops, 2.0 * 2 * 25 * 6 * 9 * 2);
}

TEST(Conv2d, AgreesWithPyTorch) {
  test::FixtureTensors f("conv.safetensors");
  for (std::string name :
       {"dense",
        "strided",
        "asymmetric",
        "dilated",
        "grouped",
        "depthwise",
        "multiplier",
        "pointwise",
        "stem"}) {
    SCOPED_TRACE(name);
    std::vector<int> v = f.ints(name + ".options");
    Conv2dOptions o{
        .stride = {v[0], v[1]},
        .pad = {v[2], v[3], v[4], v[5]},
        .dilation = {v[6], v[7]},
        .groups = v[8]};
    // The fixture has PyTorch's (O, I / groups, kh, kw) weights as (O, kh, kw, I / groups).
    Tensor in[] = {f[name + ".x"], f[name + ".w"], f[name + ".b"]}, dy = f[name + ".dy"];
    Vjp r = vjp(conv_with(o), in, std::span(&dy, 1));
    EXPECT_LE(test::relative_error(r.values[0], f[name + ".y"]), 1e-5);
    EXPECT_LE(test::relative_error(r.grads[0], f[name + ".dx"]), 1e-5);
    EXPECT_LE(test::relative_error(r.grads[1], f[name + ".dw"]), 1e-5);
    EXPECT_LE(test::relative_error(r.grads[2], f[name + ".db"]), 1e-5);
  }
}

TEST(Conv2d, TransposedAgreesWithPyTorch) {
  test::FixtureTensors f("conv.safetensors");
  for (std::string name : {"transposed.double", "transposed.odd"}) {
    SCOPED_TRACE(name);
    std::vector<int> v = f.ints(name + ".options");
    Conv2dOptions o{
        .stride = {v[0], v[1]},
        .pad = {v[2], v[3], v[4], v[5]},
        .dilation = {v[6], v[7]},
        .groups = v[8]};
    Fn transposed = [&](std::span<const Tensor> in) {
      Shape x = conv2d_transpose_shape(in[0].shape(), in[1].shape(), o, {v[9], v[10]});
      return std::vector<Tensor>{conv2d_transpose(in[0], in[1], x, o)};
    };
    Tensor in[] = {f[name + ".x"], f[name + ".w"]}, dy = f[name + ".dy"];
    Vjp r = vjp(transposed, in, std::span(&dy, 1));
    EXPECT_LE(test::relative_error(r.values[0], f[name + ".y"]), 1e-5);
    EXPECT_LE(test::relative_error(r.grads[0], f[name + ".dx"]), 1e-5);
    EXPECT_LE(test::relative_error(r.grads[1], f[name + ".dw"]), 1e-5);
  }
}

TEST(Conv2d, Messages) {
  auto error = [](const Shape& x, const Shape& w, const Conv2dOptions& o = {}) {
    return message_of([&] { conv2d(Tensor::empty(x), Tensor::empty(w), o); });
  };
  EXPECT_EQ(
      error({2, 32, 32, 1}, {16, 3, 3, 3}),
      "[conv2d] expected x with 3 channels for w (16, 3, 3, 3) with groups 1, got x (2, 32, 32, 1) "
      "with 1; images are (N, H, W, C), weights (O, kh, kw, C / groups)");
  EXPECT_EQ(
      error({2, 3, 32, 32}, {16, 3, 3, 3}),
      "[conv2d] expected x with 3 channels for w (16, 3, 3, 3) with groups 1, got x (2, 3, 32, 32) "
      "with 32; it looks like (N, C, H, W), fovea's images are (N, H, W, C)");
  EXPECT_EQ(
      error({32, 32, 3}, {16, 3, 3, 3}),
      "[conv2d] expected images (N, H, W, C) and weights (O, kh, kw, C / groups), got (32, 32, 3) "
      "and (16, 3, 3, 3)");
  EXPECT_EQ(
      error({1, 8, 8, 4}, {6, 3, 3, 1}, {.groups = 4}),
      "[conv2d] expected groups that divide the 6 filters of w (6, 3, 3, 1), got groups 4");
  EXPECT_EQ(
      error({1, 4, 9, 1}, {1, 3, 3, 1}, {.dilation = {3, 1}}),
      "[conv2d] expected a window no larger than the padded input, got 7 over height 4 with "
      "padding "
      "0 and 0; pad more or use a smaller kernel");
  EXPECT_EQ(
      error({1, 7, 7, 1}, {1, 3, 3, 1}, {.stride = {3, 3}, .exact = true}),
      "[conv2d] expected windows that tile the height exactly, got (7 + 0 + 0 - 3) / 3 + 1 = 2.33 "
      "of them; change the padding or the stride");
  EXPECT_EQ(
      error({1, 7, 7, 1}, {1, 3, 3, 1}, {.dilation = {1, 0}}),
      "[conv2d] expected kernel, stride and dilation of at least 1 along the width, got 3, 1 and "
      "0; "
      "a dilation of 1 is dense");
  EXPECT_EQ(
      error({1, 7, 7, 1}, {1, 3, 3, 1}, {.pad = {-1, 0, 0, 0}}),
      "[conv2d] expected padding of at least 0 along the height, got -1 and 0; slice to crop");
  Tensor x = Tensor::empty({1, 4, 4, 1}), w = Tensor::empty({2, 3, 3, 1});
  EXPECT_EQ(
      message_of([&] { conv2d(x, w, Tensor::empty({3})); }),
      "[conv2d] expected a bias (2) for w (2, 3, 3, 1), got (3)");
  EXPECT_EQ(
      message_of([&] { conv2d(x, cast(w, Dtype::f64)); }),
      "[conv2d] expected every input in f32 or every input in f64, got f32 (1, 4, 4, 1) and f64 "
      "(2, 3, 3, 1); cast them");
  Tensor y = Tensor::empty({1, 2, 2, 2});
  EXPECT_EQ(
      message_of([&] {
        conv2d_transpose(y, w, {1, 5, 4, 1});
      }),
      "[conv2d_transpose] expected an input (1, 3, 2, 2) for a result (1, 5, 4, 1) and w (2, 3, 3, "
      "1), got (1, 2, 2, 2)");
  EXPECT_EQ(
      message_of([&] {
        conv2d_transpose(y, w, {1, 4, 4, 3});
      }),
      "[conv2d_transpose] expected a result shape (1, H, W, 1) for input (1, 2, 2, 2) and w (2, 3, "
      "3, "
      "1), got (1, 4, 4, 3)");
  Tensor in[] = {x, Tensor::empty({1, 3, 2, 2})};
  EXPECT_EQ(
      message_of([&] { ConvBwdWeights({}, 3, 3, false).infer(in); }),
      "[conv2d_weights] expected an output gradient (1, 2, 2, 2) for x (1, 4, 4, 1) and w (2, 3, "
      "3, "
      "1), got (1, 3, 2, 2)");
}

}  // namespace
}  // namespace fovea
