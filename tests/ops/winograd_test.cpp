#include "fovea/backend/cpu/winograd.h"

#include <span>

#include <gtest/gtest.h>

#include "fovea/autograd/transforms.h"
#include "fovea/core/eval.h"
#include "fovea/ops/activation.h"
#include "fovea/ops/create.h"
#include "fovea/ops/elementwise.h"
#include "tests/support/check_op.h"
#include "tests/support/each_instruction_set.h"

// The kernels are called by themselves, since the convolution ops choose them for large shapes
// only.
namespace fovea {
namespace {

using cpu::ConvPass;
using cpu::WinogradTile;
using test::random_input;

struct Case {
  Shape x;
  int64_t filters;
  std::array<int, 4> pad{1, 1, 1, 1};
};

const Case cases[] = {
    {{1, 1, 1, 1}, 1},
    {{1, 2, 3, 2}, 3},
    {{2, 3, 3, 1}, 5, {0, 0, 0, 0}},
    {{1, 4, 4, 16}, 16},
    {{1, 5, 6, 3}, 13, {2, 2, 2, 2}},
    {{2, 9, 7, 7}, 24, {0, 2, 1, 0}},
    {{3, 13, 11, 33}, 35, {2, 0, 0, 1}},
    {{1, 17, 19, 70}, 67},
    {{5, 8, 8, 24}, 70},
    {{2, 30, 29, 5}, 2},
    {{1, 3, 70, 130}, 140, {1, 0, 2, 1}},
    {{2, 20, 20, 130}, 5},
    {{1, 52, 50, 3}, 2},
    {{1, 6, 5, 3}, 4, {4, 3, 0, 5}},
};

std::string name_of(const Case& c, WinogradTile tile) {
  return c.x.str() + " to " + std::to_string(c.filters) + ", tile " + std::to_string(int(tile));
}

struct Inputs {
  Tensor x, w, b, dy;
  Conv2dOptions options;
  ConvExtents extents;

  explicit Inputs(const Case& c)
      : x(random_input(c.x, 1)),
        w(random_input({c.filters, 3, 3, c.x[3]}, 2)),
        b(random_input({c.filters}, 3)),
        dy(random_input(conv2d_shape(x.shape(), w.shape(), {.pad = c.pad}), 4)),
        options{.pad = c.pad},
        extents(x.shape(), w.shape(), dy.shape(), options) {}
};

const float* in(const Tensor& t) { return t.data<float>().data(); }
float* out(Tensor& t) { return t.mutable_data<float>().data(); }

Tensor on_reference(const Tensor& t) { return to_device(t, Device{Device::ref}); }

std::vector<float> packed(const Inputs& i, WinogradTile tile, ConvPass pass) {
  std::vector<float> u(size_t(cpu::winograd_weights_size(i.extents, tile, pass)));
  cpu::winograd_weights(i.extents, tile, pass, in(i.w), u.data());
  return u;
}

Tensor forward(
    const Inputs& i,
    WinogradTile tile,
    const cpu::WinogradFilters& filters,
    const cpu::ConvFinish& finish = {}) {
  Workspace scratch{Device{}};
  fovea::Run run{Device{}, scratch};
  Tensor y = Tensor::empty(i.dy.shape());
  cpu::winograd_forward(i.extents, tile, in(i.x), filters, finish, out(y), run);
  return y;
}

Tensor backward_data(const Inputs& i, WinogradTile tile, const cpu::WinogradFilters& filters) {
  Workspace scratch{Device{}};
  fovea::Run run{Device{}, scratch};
  Tensor dx = Tensor::empty(i.x.shape());
  cpu::winograd_backward_data(i.extents, tile, in(i.dy), filters, out(dx), run);
  return dx;
}

class WinogradConvolution : public test::EachInstructionSet {
 protected:
  // For every case, calls reference(inputs) once, and check(inputs, tile, its result) for every
  // instruction set, some numbers of threads and both tiles.
  template <class R, class F>
  void for_each_case(R reference, F check) {
    for (const Case& c : cases) {
      const Inputs i(c);
      const std::vector<Tensor> expected = reference(i);
      for_each_set([&] {
        for (WinogradTile tile : {WinogradTile::two, WinogradTile::four}) {
          SCOPED_TRACE(name_of(c, tile));
          check(i, tile, expected);
        }
      });
    }
  }
};

TEST_F(WinogradConvolution, ForwardAgreesWithReference) {
  auto reference = [](const Inputs& i) {
    return std::vector{conv2d(on_reference(i.x), on_reference(i.w), i.options).eval()};
  };
  for_each_case(reference, [](const Inputs& i, WinogradTile tile, std::span<const Tensor> y) {
    const std::vector<float> u = packed(i, tile, ConvPass::forward);
    EXPECT_LE(test::relative_error(forward(i, tile, {.packed = u.data()}), y[0]), 1e-5);
    EXPECT_LE(test::relative_error(forward(i, tile, {.plain = in(i.w)}), y[0]), 1e-5);
  });
}

TEST_F(WinogradConvolution, EpilogueAddsBiasAndResidualAndCutsAtZero) {
  auto reference = [](const Inputs& i) {
    const Tensor with_bias =
        conv2d(on_reference(i.x), on_reference(i.w), on_reference(i.b), i.options).eval();
    return std::vector{with_bias, relu(with_bias + on_reference(i.dy)).eval()};
  };
  for_each_case(reference, [](const Inputs& i, WinogradTile tile, std::span<const Tensor> y) {
    const cpu::WinogradFilters filters{.plain = in(i.w)};
    EXPECT_LE(test::relative_error(forward(i, tile, filters, {.bias = in(i.b)}), y[0]), 1e-5);
    const cpu::ConvFinish finish{in(i.b), in(i.dy), true};
    EXPECT_LE(test::relative_error(forward(i, tile, filters, finish), y[1]), 1e-5);
  });
}

TEST_F(WinogradConvolution, BackwardToInputsAgreesWithReference) {
  auto reference = [](const Inputs& i) {
    return std::vector{
        conv2d_transpose(on_reference(i.dy), on_reference(i.w), i.x.shape(), i.options).eval()};
  };
  for_each_case(reference, [](const Inputs& i, WinogradTile tile, std::span<const Tensor> dx) {
    const std::vector<float> u = packed(i, tile, ConvPass::backward_data);
    EXPECT_LE(test::relative_error(backward_data(i, tile, {.packed = u.data()}), dx[0]), 1e-5);
    EXPECT_LE(test::relative_error(backward_data(i, tile, {.plain = in(i.w)}), dx[0]), 1e-5);
  });
}

TEST_F(WinogradConvolution, BackwardToWeightsAgreesWithReference) {
  auto reference = [](const Inputs& i) {
    std::vector<Tensor> both = Tensor::outputs_of(
        std::make_shared<ConvBwdWeights>(i.options, 3, 3, true),
        {on_reference(i.x), on_reference(i.dy)});
    eval(both);
    return both;
  };
  for_each_case(reference, [](const Inputs& i, WinogradTile tile, std::span<const Tensor> both) {
    for (bool bias : {false, true}) {
      Workspace scratch{Device{}};
      fovea::Run run{Device{}, scratch};
      Tensor dw = Tensor::empty(i.w.shape()), db = Tensor::empty(i.b.shape());
      cpu::winograd_backward_weights(
          i.extents, tile, in(i.x), in(i.dy), out(dw), bias ? out(db) : nullptr, run);
      EXPECT_LE(test::relative_error(dw, both[0]), 1e-5);
      if (bias) {
        EXPECT_LE(test::relative_error(db, both[1]), 1e-5);
      }
    }
  });
}

TEST(Winograd, AppliesTo3x3OfStride1) {
  auto applies = [](int64_t kernel, const Conv2dOptions& o) {
    const Shape x{1, 9, 9, 4}, w{4, kernel, kernel, 4 / o.groups};
    return cpu::winograd_applies(ConvExtents(x, w, conv2d_shape(x, w, o), o));
  };
  EXPECT_TRUE(applies(3, {}));
  EXPECT_TRUE(applies(3, {.pad = {0, 2, 1, 0}}));
  EXPECT_FALSE(applies(5, {}));
  EXPECT_FALSE(applies(3, {.stride = {1, 2}}));
  EXPECT_FALSE(applies(3, {.dilation = {2, 1}}));
  EXPECT_FALSE(applies(3, {.groups = 2}));
}

}  // namespace
}  // namespace fovea
