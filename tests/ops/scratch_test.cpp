// Kernels take the scratch memory that they say they take, on which forecasts of memory stand.
#include <gtest/gtest.h>

#include "fovea/core/kernel.h"
#include "fovea/ops/conv.h"
#include "fovea/ops/matmul.h"
#include "tests/support/check_op.h"

namespace fovea {
namespace {

// The bytes of blocks that are more than those asked for, each by an eighth at most.
void expect_said(const std::string& name, const Primitive& p, const std::vector<Tensor>& in) {
  SCOPED_TRACE(name);
  const Device cpu{Device::cpu};
  std::vector<Tensor> out;
  for (const Spec& spec : p.infer(in)) out.push_back(Tensor::empty(spec.shape, spec.dtype));
  const int64_t said = kernels().scratch(p, in, cpu.kind);
  Workspace scratch(cpu);
  Run run{cpu, scratch};
  const int64_t before = host_allocator().stats().live;
  kernels().find(p, cpu.kind)(p, in, out, run);
  const int64_t took = host_allocator().stats().live - before;
  EXPECT_LE(said, took);
  EXPECT_LE(took, said + said / 8 + 1024);
}

struct Layer {
  std::string name;
  int64_t batch, size, in, out, kernel;
  int stride = 1, groups = 1;
};

TEST(ConvScratch, IsWhatKernelsSay) {
  const std::vector<Layer> layers{
      {"winograd", 2, 16, 32, 32, 3},
      {"winograd, one picture", 1, 8, 64, 64, 3},
      {"winograd, many filters", 1, 6, 160, 160, 3},
      {"pictures", 3, 20, 3, 16, 5},
      {"strided", 2, 9, 24, 40, 3, 2},
      {"1 x 1", 4, 8, 32, 48, 1},
      {"1 x 1, strided", 2, 8, 160, 192, 1, 2},
      {"1 x 1, mostly weights", 1, 3, 96, 192, 1},
      {"depthwise", 2, 12, 32, 32, 3, 1, 32},
      {"depthwise, wide", 2, 12, 32, 32, 5, 2, 32},
      {"grouped", 2, 12, 32, 64, 3, 1, 4},
      {"many channels, strided", 1, 6, 128, 128, 3, 2},
  };
  for (const Layer& l : layers) {
    const int pad = int(l.kernel / 2);
    const Conv2dOptions o{
        .stride = {l.stride, l.stride}, .pad = {pad, pad, pad, pad}, .groups = l.groups};
    const Shape x_shape{l.batch, l.size, l.size, l.in};
    const Shape w_shape{l.out, l.kernel, l.kernel, l.in / l.groups};
    const Tensor x = test::random_input(x_shape, 1), w = test::random_input(w_shape, 2);
    const Tensor b = test::random_input({l.out}, 3);
    const Tensor dy = test::random_input(conv2d_shape(x_shape, w_shape, o), 4);
    expect_said(l.name + " forward", ConvFwd(o), {x, w, b});
    expect_said(l.name + " to x", ConvBwdData(o, l.size, l.size), {dy, w});
    expect_said(l.name + " to w", ConvBwdWeights(o, l.kernel, l.kernel, true), {x, dy});
    expect_said(l.name + " to w alone", ConvBwdWeights(o, l.kernel, l.kernel, false), {x, dy});
  }
}

TEST(MatmulScratch, IsWhatKernelsSay) {
  const Tensor a = test::random_input({40, 300}, 1), b = test::random_input({300, 70}, 2);
  expect_said("product", Matmul(), {a, b});
  expect_said(
      "transposed", Matmul(MatmulOptions{.transpose_a = true, .transpose_b = true}), {b, a});
  const Tensor many = test::random_input({5, 20, 300}, 3);
  expect_said("many with one", Matmul(), {many, b});
  expect_said(
      "grid", Matmul(), {test::random_input({2, 1, 8, 30}, 4), test::random_input({3, 30, 9}, 5)});
}

TEST(ConvScratch, IsLargeWhereTilesAreTransformed) {
  const Conv2dOptions o{.pad = {1, 1, 1, 1}};
  const std::vector<Tensor> in{
      test::random_input({2, 16, 16, 32}, 1), test::random_input({32, 3, 3, 32}, 2)};
  EXPECT_GT(kernels().scratch(ConvFwd(o), in, Device::cpu), 100'000);
  EXPECT_EQ(kernels().scratch(ConvFwd(o), in, Device::ref), 0);
}

}  // namespace
}  // namespace fovea
