// Ops that no network of the table has: written, read again and run for another number of pictures.
#include <cmath>
#include <filesystem>
#include <functional>

#include <gtest/gtest.h>

#include "fovea/formats/onnx.h"
#include "fovea/onnx/graph.h"
#include "fovea/onnx/save.h"
#include "fovea/ops/activation.h"
#include "fovea/ops/conv.h"
#include "fovea/ops/elementwise.h"
#include "fovea/ops/matmul.h"
#include "fovea/ops/norm.h"
#include "fovea/ops/pad.h"
#include "fovea/ops/pool.h"
#include "fovea/ops/random.h"
#include "fovea/ops/resize.h"
#include "fovea/ops/shape.h"
#include "fovea/ops/slice.h"
#include "tests/support/check_op.h"
#include "tests/support/expect.h"
#include "tests/support/folder.h"

namespace fovea::onnx {
namespace {

// x and weights to a result.
using Function = std::function<Tensor(const Tensor& x, const Tensor& w)>;

class Net : public nn::Module {
 public:
  Net(Function f, const Shape& weights) : f_(std::move(f)) {
    if (weights.rank() > 0) w_ = random_normal(weights, Key{2}).eval();
  }
  Tensor forward(const Tensor& x, nn::Ctx&) const override { return f_(x, w_); }
  void visit(Visitor& v) override {
    if (!w_.is_empty()) v.param("w", w_, {.layout = nn::Layout::conv});
  }

 private:
  Function f_;
  Tensor w_;
};

class SaveOps : public test::FolderTest {
 protected:
  const Shape image{5, 7, 4};

  models::Model model_of(const Function& f, const Shape& weights = {}) const {
    models::Model m;
    m.architecture = {.name = "net", .input = image, .classes = 1};
    m.preprocess.channels = 1;
    m.net = std::make_unique<Net>(f, weights);
    return m;
  }

  void check(const std::string& op, const Function& f, const Shape& weights = {}) const {
    SCOPED_TRACE(op);
    const models::Model m = model_of(f, weights);
    EXPECT_LT(save(m, path("net.onnx")).difference, 1e-6);
    int found = 0;
    for (const auto& node : formats::read_onnx(path("net.onnx")).nodes) found += node.op == op;
    EXPECT_EQ(found, 1);
    const auto graph = load(path("net.onnx"));
    const Tensor x = random_normal({1, image[0], image[1], image[2]}, Key{8});
    nn::Ctx ctx, their_ctx;
    const Tensor expected = nn::forward(*m.net, x, ctx), got = nn::forward(*graph, x, their_ctx);
    ASSERT_EQ(got.shape(), expected.shape());
    const auto a = expected.to_doubles(), b = got.to_doubles();
    for (size_t i = 0; i < a.size(); ++i) ASSERT_NEAR(b[i], a[i], 1e-5) << i;
  }

  std::string refused(const Function& f) const {
    try {
      save(model_of(f), path("net.onnx"));
    } catch (const UnsupportedError& e) {
      return e.what();
    }
    return "it was written";
  }
};

TEST_F(SaveOps, Resize) {
  // Twice, thrice, and extents whose ratio is no exact number.
  const std::pair<int64_t, int64_t> sizes[] = {{10, 14}, {15, 21}, {9, 4}, {3, 5}, {6, 49}};
  for (const auto& [height, width] : sizes)
    for (const Interpolation mode :
         {Interpolation::nearest, Interpolation::bilinear, Interpolation::bicubic})
      for (const bool corners : {false, true}) {
        if (corners && mode == Interpolation::nearest) continue;
        SCOPED_TRACE(
            testing::Message() << height << " x " << width << ", mode " << int(mode)
                               << (corners ? ", corners" : ""));
        const ResizeOptions o{.mode = mode, .align_corners = corners};
        check("Resize", [h = height, w = width, o](const Tensor& x, const Tensor&) {
          return resize(x, h, w, o);
        });
      }
  EXPECT_HAS(
      refused([](const Tensor& x, const Tensor&) { return resize(x, 3, 3, {.antialias = true}); }),
      "resize");
}

TEST_F(SaveOps, Pad) {
  for (const PadMode mode : {PadMode::constant, PadMode::reflect, PadMode::replicate})
    check("Pad", [mode](const Tensor& x, const Tensor&) {
      return pad2d(x, {2, 1}, {0, 3}, {.mode = mode, .value = -1.5});
    });
  check("Pad", [](const Tensor& x, const Tensor&) { return pad(x, {{}, {}, {1, 0}, {2, 5}}); });
}

TEST_F(SaveOps, Slice) {
  check("Slice", [](const Tensor& x, const Tensor&) {
    return slice(x, {{}, {.start = 1, .stop = 4}, {.start = 0, .stop = 7, .step = 3}, {}});
  });
  check("Slice", [](const Tensor& x, const Tensor&) { return slice(x, 3, {.start = 2}); });
  EXPECT_HAS(refused([](const Tensor& x, const Tensor&) { return flip(x, {2}); }), "slice");
  EXPECT_HAS(
      refused([](const Tensor& x, const Tensor&) { return slice(x, 0, {.start = 1}); }), "slice");
}

TEST_F(SaveOps, ConvTranspose) {
  struct Case {
    Shape weights;  // (4, kh, kw, to / groups)
    Conv2dOptions o;
    std::array<int, 2> extra = {0, 0};
  };
  const Case cases[] = {
      {{4, 3, 3, 6}, {}},
      {{4, 2, 2, 3}, {.stride = {2, 2}}},
      {{4, 3, 3, 5}, {.stride = {2, 2}, .pad = {1, 1, 1, 1}}, {1, 1}},
      {{4, 3, 4, 2}, {.stride = {3, 2}, .pad = {0, 1, 2, 1}, .dilation = {2, 1}}, {2, 0}},
      {{4, 3, 3, 2}, {.stride = {2, 1}, .pad = {1, 1, 1, 1}, .groups = 2}, {1, 0}}};
  for (const Case& c : cases) {
    SCOPED_TRACE(c.weights.str());
    check(
        "ConvTranspose",
        [c](const Tensor& x, const Tensor& w) {
          return conv2d_transpose(
              x, w, conv2d_transpose_shape(x.shape(), w.shape(), c.o, c.extra), c.o);
        },
        c.weights);
  }
}

// One window, larger than half of an odd side: no step of 1 leaves it alone.
TEST_F(SaveOps, PoolToOnePixel) {
  check("MaxPool", [](const Tensor& x, const Tensor&) {
    return max_pool2d(x, {.kernel = {3, 4}, .stride = {3, 4}});
  });
  check("AveragePool", [](const Tensor& x, const Tensor&) {
    return avg_pool2d(x, {.kernel = {4, 6}, .stride = {4, 6}});
  });
}

TEST_F(SaveOps, Norms) {
  const Tensor gamma = random_normal({4}, Key{3}).eval(), beta = random_normal({4}, Key{4}).eval();
  check("LayerNormalization", [=](const Tensor& x, const Tensor&) {
    return layer_norm(x, gamma, beta, {.eps = 1e-3});
  });
  check("LayerNormalization", [=](const Tensor& x, const Tensor&) {
    return layer_norm(global_avg_pool(x), gamma, beta);
  });
  check("LayerNormalization", [=](const Tensor& x, const Tensor&) {  // tokens (N, 35, 4)
    return layer_norm(reshape(x, {x.dim(0), -1, 4}), gamma, beta);
  });
  check("InstanceNormalization", [=](const Tensor& x, const Tensor&) {
    return instance_norm(x, gamma, beta);
  });
  for (const int groups : {1, 2})
    check("InstanceNormalization", [=](const Tensor& x, const Tensor&) {
      return group_norm(x, gamma, beta, {.groups = groups});
    });
}

// As in ConvNeXt: what lies between two norms and layers on pixels needs no reshape of its own.
TEST_F(SaveOps, LinearLayersOnPixels) {
  const Tensor gamma = random_normal({4}, Key{3}).eval(), beta = random_normal({4}, Key{4}).eval();
  const Tensor wide = random_normal({9, 4}, Key{5}).eval(),
               bias = random_normal({9}, Key{6}).eval();
  const Tensor narrow = random_normal({4, 9}, Key{7}).eval();
  const Function block = [=](const Tensor& x, const Tensor& w) {
    const Tensor y = layer_norm(conv2d(x, w, {.pad = {1, 1, 1, 1}}), gamma, beta);
    return x + linear(gelu(linear(y, wide, bias)), narrow) * gamma;
  };
  check("LayerNormalization", block, {4, 3, 3, 4});
  int products = 0;
  for (const auto& n : formats::read_onnx(path("net.onnx")).nodes) products += n.op == "Gemm";
  EXPECT_EQ(products, 2);
}

TEST_F(SaveOps, ProductsOfTransposedMatrices) {
  check("MatMul", [](const Tensor& x, const Tensor&) {
    const Tensor rows = reshape(x, {x.dim(0), -1, 4});
    return matmul(rows, rows, {.transpose_b = true});
  });
  check("MatMul", [](const Tensor& x, const Tensor&) {
    const Tensor rows = reshape(x, {x.dim(0), -1, 4});
    return matmul(rows, rows, {.transpose_a = true});
  });
}

TEST_F(SaveOps, KindsThatCannotBeWrittenAreToldOnce) {
  EXPECT_HAS(
      refused([](const Tensor& x, const Tensor&) { return flip(flip(x, {2}) * 2.0, {1}); }),
      "cannot be written as ONNX: slice and 1 more");
}

TEST_F(SaveOps, ScoresMustBeFinite) {
  const Tensor factors = Tensor::from<float>({std::nanf(""), 1, 1, 1}, {4});
  const models::Model m = model_of([&](const Tensor& x, const Tensor&) { return x * factors; });
  EXPECT_HAS(test::message_of([&] { save(m, path("net.onnx")); }), "are not finite");
  EXPECT_FALSE(std::filesystem::exists(path("net.onnx")));
}

}  // namespace
}  // namespace fovea::onnx
