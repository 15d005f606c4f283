#include <gtest/gtest.h>

#include "fovea/backend/cpu/implementation.h"
#include "fovea/ops/conv.h"

// oneDNN runs some convolutions by reference loops, a thousand times slower, without a word. None
// of ours may.
namespace fovea {
namespace {

struct Layer {
  int64_t batch, size, in, out, kernel;
  int stride = 1, pad = 0, dilation = 1, groups = 1;
};

void expect_fast(const Layer& l) {
  const Conv2dOptions o{
      .stride = {l.stride, l.stride},
      .pad = {l.pad, l.pad, l.pad, l.pad},
      .dilation = {l.dilation, l.dilation},
      .groups = l.groups};
  const Shape w_shape{l.out, l.kernel, l.kernel, l.in / l.groups};
  Tensor x = Tensor::empty({l.batch, l.size, l.size, l.in}), w = Tensor::empty(w_shape);
  Tensor b = Tensor::empty({l.out}), dy = Tensor::empty(conv2d_shape(x.shape(), w_shape, o));
  const Tensor forward[] = {x, w, b}, data[] = {dy, w}, weights[] = {x, dy};
  const std::string names[] = {
      cpu::conv_implementation(ConvFwd(o), forward),
      cpu::conv_implementation(ConvFwd(o, true), forward),
      cpu::conv_implementation(ConvBwdData(o, l.size, l.size), data),
      cpu::conv_implementation(ConvBwdWeights(o, l.kernel, l.kernel, true), weights),
  };
  for (const std::string& name : names)
    EXPECT_FALSE(name.starts_with("ref"))
        << name << " for x " << x.shape().str() << ", w " << w_shape.str() << ", stride "
        << l.stride << ", pad " << l.pad << ", dilation " << l.dilation << ", groups " << l.groups;
}

// The 3 x 3 and 1 x 1 layers of the four stages of a residual network, `first` pixels wide.
void expect_fast_stages(int64_t batch, int64_t first, bool bottleneck) {
  for (int stage = 0; stage < 4; ++stage) {
    const int64_t size = first >> stage, c = 64 << stage;
    expect_fast({batch, size, c, c, 3, 1, 1});
    const int64_t wide = bottleneck ? 4 * c : c;
    if (bottleneck) {
      expect_fast({batch, size, wide, c, 1});
      expect_fast({batch, size, c, wide, 1});
    }
    if (stage == 3) break;
    expect_fast({batch, size, 2 * c, 2 * c, 3, 2, 1});
    expect_fast({batch, size, wide, 2 * wide, 1, 2});
  }
}

TEST(ConvImplementation, ResidualNetworks) {
  expect_fast({32, 224, 3, 64, 7, 2, 3});
  expect_fast({128, 32, 3, 64, 3, 1, 1});
  expect_fast({128, 32, 3, 16, 3, 1, 1});
  for (bool bottleneck : {false, true}) {
    expect_fast_stages(32, 56, bottleneck);
    expect_fast_stages(128, 32, bottleneck);
  }
}

TEST(ConvImplementation, FirstLayers) {
  for (int64_t channels : {1, 3, 4})
    for (int64_t batch : {1, 16}) {
      expect_fast({batch, 28, channels, 6, 5});
      expect_fast({batch, 28, channels, 6, 5, 1, 2});
      expect_fast({batch, 227, channels, 96, 11, 4});
      expect_fast({batch, 224, channels, 96, 4, 4});
      expect_fast({batch, 224, channels, 32, 3, 2, 1});
    }
}

TEST(ConvImplementation, DepthwiseGroupedAndDilated) {
  for (int kernel : {3, 5, 7, 9})
    for (int stride : {1, 2})
      for (int channels : {8, 13, 96, 128})
        expect_fast({16, 28, channels, channels, kernel, stride, kernel / 2, 1, channels});
  for (int dilation : {2, 4, 6, 12}) {
    expect_fast({8, 28, 64, 64, 3, 1, dilation, dilation});
    expect_fast({8, 28, 64, 64, 3, 1, dilation, dilation, 64});
  }
  expect_fast({8, 28, 128, 128, 3, 1, 1, 1, 32});
  expect_fast({8, 28, 256, 512, 3, 2, 1, 1, 32});
  expect_fast({8, 28, 13, 26, 3, 1, 1, 1, 13});
  expect_fast({8, 28, 6, 9, 3, 1, 1, 1, 3});
}

// Transposed convolutions of generators and segmenters, and kernels wider than the image.
TEST(ConvImplementation, TransposedAndWide) {
  expect_fast({16, 64, 3, 64, 4, 2, 1});
  expect_fast({16, 32, 64, 128, 4, 2, 1});
  expect_fast({16, 4, 256, 100, 4});
  expect_fast({4, 64, 21, 21, 16, 8, 4});
  expect_fast({4, 64, 21, 21, 16, 8, 4, 1, 21});
  expect_fast({2, 32, 13, 7, 11, 1, 11});
  expect_fast({2, 4, 3, 2, 7, 1, 3});
}

}  // namespace
}  // namespace fovea
