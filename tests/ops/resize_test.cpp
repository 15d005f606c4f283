#include "fovea/ops/resize.h"

#include <gtest/gtest.h>

#include "fovea/formats/safetensors_tree.h"
#include "fovea/ops/create.h"
#include "fovea/ops/elementwise.h"
#include "tests/support/check_op.h"
#include "tests/support/test_data.h"

namespace fovea {
namespace {

using test::check_op;
using test::message_of;
using test::random_input;

using Values = std::vector<float>;

struct Mode {
  const char* name;
  ResizeOptions o;
};
const Mode modes[] = {
    {"nearest", {.mode = Interpolation::nearest}},
    {"bilinear", {}},
    {"bilinear+align_corners", {.align_corners = true}},
    {"bilinear+antialias", {.antialias = true}},
    {"bicubic", {.mode = Interpolation::bicubic}},
    {"bicubic+align_corners", {.mode = Interpolation::bicubic, .align_corners = true}},
    {"bicubic+antialias", {.mode = Interpolation::bicubic, .antialias = true}},
};

TEST(Resize, AgreesWithReferenceAndGradient) {
  struct Case {
    Shape shape;
    int64_t height, width;
  };
  const Case cases[] = {
      {{1, 3, 5, 1}, 7, 4},
      {{2, 4, 3, 3}, 2, 6},
      {{1, 1, 1, 7}, 3, 2},
      {{1, 3, 2, 24}, 1, 1},
      {{0, 3, 2, 3}, 4, 4},
  };
  for (const Case& c : cases)
    for (const Mode& mode : modes)
      check_op(
          {.name = c.shape.str() + mode.name,
           .f =
               [&](auto in) {
                 return std::vector<Tensor>{resize(in[0], c.height, c.width, mode.o)};
               },
           .inputs = {random_input(c.shape, 3)},
           .second = true});
}

TEST(Resize, RunsOnManyThreads) {
  Tensor x = random_input({2, 61, 47, 19}, 1);
  for (const Mode& mode : modes) {
    auto f = [&](const Tensor& t) { return resize(t, 83, 40, mode.o); };
    EXPECT_LE(test::relative_error(f(x), f(to_device(x, Device{Device::ref}))), 1e-6) << mode.name;
  }
}

// Inputs, outputs and gradients of torch.nn.functional.interpolate.
TEST(Resize, AgreesWithPyTorch) {
  auto file = formats::load_safetensors(test::fixture("resize_pad.safetensors")).tensors;
  const std::pair<int, int> sizes[] = {{11, 9}, {4, 3}, {3, 12}, {7, 5}, {1, 1}};
  for (auto [height, width] : sizes)
    for (const Mode& mode : modes) {
      std::string size = "resize." + std::to_string(height) + "x" + std::to_string(width) + ".";
      std::string key = size + mode.name;
      SCOPED_TRACE(key);
      Fn f = [&, h = height, w = width](std::span<const Tensor> in) {
        return std::vector<Tensor>{resize(in[0], h, w, mode.o)};
      };
      Vjp got = vjp(
          f, std::vector<Tensor>{file.at("resize.x")}, std::vector<Tensor>{file.at(size + "dy")});
      EXPECT_LE(test::relative_error(got.values[0], file.at(key + ".y")), 2e-6);
      EXPECT_LE(test::relative_error(got.grads[0], file.at(key + ".dx")), 2e-6);
    }
}

TEST(Resize, KnownValues) {
  Tensor x = Tensor::from<float>({0, 1, 2, 3}, {1, 1, 4, 1});
  auto row = [&](int64_t width, const ResizeOptions& o) {
    return resize(x, 1, width, o).to_vector();
  };
  EXPECT_EQ(row(8, modes[0].o), (Values{0, 0, 1, 1, 2, 2, 3, 3}));
  EXPECT_EQ(row(2, modes[0].o), (Values{0, 2}));
  EXPECT_EQ(row(2, {}), (Values{0.5, 2.5}));
  EXPECT_EQ(row(7, {.align_corners = true}), (Values{0, 0.5, 1, 1.5, 2, 2.5, 3}));
  EXPECT_EQ(row(8, {}), (Values{0, 0.25, 0.75, 1.25, 1.75, 2.25, 2.75, 3}));
}

// Every mode keeps a constant image and, the gradient being its transpose, the sum of gradients.
TEST(Resize, WeightsOfAPixelAddUpToOne) {
  for (const Mode& mode : modes)
    for (auto [in, out] : {std::pair{7, 3}, std::pair{3, 7}, std::pair{5, 5}, std::pair{9, 1}}) {
      AxisWeights w = axis_weights(in, out, mode.o);
      ASSERT_EQ(w.row.size(), size_t(out) + 1);
      for (size_t i = 0; i < size_t(out); ++i) {
        double sum = 0;
        for (auto k = size_t(w.row[i]); k < size_t(w.row[i + 1]); ++k) sum += w.weight[k];
        EXPECT_NEAR(sum, 1, 1e-6) << mode.name;
      }
    }
}

TEST(Resize, NamesWhatIsWrong) {
  Tensor x = zeros({1, 2, 3, 4});
  EXPECT_EQ(
      message_of([&] {
        resize(zeros({2, 3}), 1, 1);
      }),
      "[resize] expected images (N, H, W, C), got (2, 3)");
  EXPECT_EQ(
      message_of([&] { resize(x, 0, 1); }),
      "[resize] expected sizes of at least 1, got (1, 2, 3, 4) to (0, 1)");
  EXPECT_EQ(
      message_of([&] { resize(cast(x, Dtype::u8), 1, 1); }),
      "[resize] expected f32 or f64 images, got u8 (1, 2, 3, 4); cast them");
  EXPECT_EQ(
      message_of([&] { resize(x, 4, 4, {.mode = Interpolation::nearest, .antialias = true}); }),
      "[resize] nearest has neither align_corners nor antialias; choose bilinear or bicubic");
}

}  // namespace
}  // namespace fovea
