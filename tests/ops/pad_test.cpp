#include "fovea/ops/pad.h"

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

const PadMode modes[] = {PadMode::constant, PadMode::reflect, PadMode::replicate};

TEST(Pad, AgreesWithReferenceAndGradient) {
  struct Case {
    Shape shape;
    std::vector<PadWidth> widths;
  };
  const Case cases[] = {
      {{5}, {{2, 3}}},
      {{3, 7}, {{1, 2}, {0, 4}}},
      {{2, 3, 5, 3}, {{}, {1, 2}, {2, 0}, {}}},
      {{2, 3, 4, 13}, {{1, 0}, {}, {0, 3}, {}}},
      {{3, 24}, {{}, {7, 1}}},
      {{0, 3}, {{}, {1, 1}}},
  };
  for (const Case& c : cases)
    for (PadMode mode : modes)
      check_op(
          {.name = c.shape.str() + " mode " + std::to_string(int(mode)),
           .f =
               [&](auto in) {
                 return std::vector<Tensor>{pad(in[0], c.widths, {.mode = mode, .value = 0.5})};
               },
           .inputs = {random_input(c.shape, 3)},
           .second = true});
}

TEST(Pad, KnownValues) {
  Tensor x = Tensor::from<float>({1, 2, 3, 4}, {4});
  EXPECT_EQ(pad(x, {{2, 2}}, {.value = 9}).to_vector(), (Values{9, 9, 1, 2, 3, 4, 9, 9}));
  EXPECT_EQ(
      pad(x, {{2, 2}}, {.mode = PadMode::reflect}).to_vector(), (Values{3, 2, 1, 2, 3, 4, 3, 2}));
  EXPECT_EQ(
      pad(x, {{2, 2}}, {.mode = PadMode::replicate}).to_vector(), (Values{1, 1, 1, 2, 3, 4, 4, 4}));
  EXPECT_EQ(pad(x, {{0, 0}}).value(), x.value());
  EXPECT_EQ(
      pad(cast(x, Dtype::i64), {{1, 0}}, {.value = -7}).to_vector(), (Values{-7, 1, 2, 3, 4}));
}

TEST(Pad, RunsOnManyThreads) {
  Tensor x = random_input({3, 101, 67, 5}, 1);
  for (PadMode mode : modes) {
    auto f = [&](const Tensor& t) { return pad2d(t, {3, 4}, {5, 6}, {.mode = mode}); };
    EXPECT_EQ(test::relative_error(f(x), f(to_device(x, Device{Device::ref}))), 0);
  }
}

// Inputs, outputs and gradients of torch.nn.functional.pad.
TEST(Pad, AgreesWithPyTorch) {
  auto file = formats::load_safetensors(test::fixture("resize_pad.safetensors")).tensors;
  const std::pair<const char*, PadMode> rows[] = {
      {"constant", PadMode::constant},
      {"reflect", PadMode::reflect},
      {"replicate", PadMode::replicate}};
  for (auto [name, mode] : rows) {
    SCOPED_TRACE(name);
    Fn f = [m = mode](std::span<const Tensor> in) {
      return std::vector<Tensor>{
          pad2d(in[0], {1, 2}, {3, 0}, {.mode = m, .value = m == PadMode::constant ? 0.25 : 0})};
    };
    std::string key = std::string("pad.") + name;
    Vjp got = vjp(f, std::vector<Tensor>{file.at("pad.x")}, std::vector<Tensor>{file.at("pad.dy")});
    EXPECT_EQ(test::relative_error(got.values[0], file.at(key + ".y")), 0);
    EXPECT_LE(test::relative_error(got.grads[0], file.at(key + ".dx")), 1e-6);
  }
}

TEST(Pad, NamesWhatIsWrong) {
  Tensor x = zeros({4, 5});
  EXPECT_EQ(
      message_of([&] {
        pad(x, {{1, 1}});
      }),
      "[pad] expected a width for each axis of (4, 5), got 1");
  EXPECT_EQ(
      message_of([&] {
        pad(x, {{-1, 1}, {}});
      }),
      "[pad] expected widths of 0 or more, got -1 and 1 on axis 0; slice cuts");
  EXPECT_EQ(
      message_of([&] {
        pad(x, {{}, {5, 1}}, {.mode = PadMode::reflect});
      }),
      "[pad] expected reflected widths below 5 on axis 1 of shape (4, 5), got 5 and 1");
  EXPECT_EQ(
      message_of([&] {
        pad(zeros({0, 5}), {{1, 0}, {}}, {.mode = PadMode::replicate});
      }),
      "[pad] axis 0 of shape (0, 5) has no edge to replicate");
  EXPECT_EQ(
      message_of([&] {
        pad2d(x, {1, 1}, {1, 1});
      }),
      "[pad2d] expected (N, H, W, C), got shape (4, 5)");
}

}  // namespace
}  // namespace fovea
