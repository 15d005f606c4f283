#include "fovea/backend/cpu/narrow.h"

#include <gtest/gtest.h>

#include "fovea/backend/cpu/implementation.h"
#include "fovea/core/device.h"
#include "tests/support/check_op.h"

namespace fovea {
namespace {

struct Case {
  Shape x, w;
  Conv2dOptions o;
};

TEST(NarrowConvolution, GradientOfFewChannelsAgreesWithReference) {
  const Case cases[] = {
      {{2, 9, 11, 3}, {17, 3, 3, 3}, {.pad = {1, 1, 1, 1}}},
      {{1, 40, 37, 1}, {16, 5, 5, 1}, {}},
      {{1, 31, 70, 3}, {24, 7, 7, 3}, {.stride = {2, 2}, .pad = {3, 3, 3, 3}}},
      {{3, 23, 23, 3}, {16, 11, 11, 3}, {.stride = {4, 4}, .pad = {2, 2, 2, 2}}},
      {{2, 12, 13, 4}, {19, 4, 4, 4}, {.stride = {4, 4}}},
      {{1, 7, 8, 2}, {16, 3, 2, 2}, {.stride = {1, 3}, .pad = {0, 2, 1, 0}, .dilation = {2, 2}}},
      {{1, 2, 3, 1}, {16, 5, 5, 1}, {.pad = {4, 4, 4, 4}}},
  };
  const int before = threads();
  for (int count : {1, 3}) {
    set_threads(count);
    for (const Case& c : cases) {
      const Tensor dy = test::random_input(conv2d_shape(c.x, c.w, c.o), 1);
      const Tensor w = test::random_input(c.w, 2);
      const Tensor inputs[] = {dy, w};
      EXPECT_EQ(cpu::conv_implementation(ConvBwdData(c.o, c.x[1], c.x[2]), inputs), "fovea:narrow");
      test::check_op(
          {.name = c.x.str() + " " + c.w.str(),
           .f =
               [&](std::span<const Tensor> in) {
                 return std::vector<Tensor>{conv2d_transpose(in[0], in[1], c.x, c.o)};
               },
           .inputs = {dy, w},
           .tolerance = 1e-5,
           .gradient = false});
    }
  }
  set_threads(before);
}

}  // namespace
}  // namespace fovea
