#include "fovea/core/tensor.h"

#include <gtest/gtest.h>

#include "fovea/core/eval.h"
#include "fovea/ops/create.h"
#include "fovea/ops/elementwise.h"
#include "fovea/ops/shape.h"
#include "tests/support/check_op.h"

namespace fovea {
namespace {

using test::message_of;

using Values = std::vector<float>;

TEST(Tensor, HoldsWhatItWasGiven) {
  Tensor t = Tensor::from<float>({1, 2, 3, 4, 5, 6}, {2, 3});
  EXPECT_EQ(t.str(), "f32 (2, 3)");
  EXPECT_EQ(t.dim(-1), 3);
  EXPECT_EQ(t.nbytes(), 24u);
  EXPECT_TRUE(t.is_evaluated());
  EXPECT_EQ(t.to_vector(), (Values{1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(t.data<float>()[4], 5);
  EXPECT_EQ(uintptr_t(t.bytes().data()) % 64, 0u);
  EXPECT_TRUE(Tensor().is_empty());
  EXPECT_EQ(Tensor().str(), "empty");
  EXPECT_EQ(Tensor::from<bool>({true, false}, {2}).to_vector(), (Values{1, 0}));
}

TEST(Tensor, GivesItsOnlyElement) {
  EXPECT_EQ(Tensor::from<int64_t>({7}, {1, 1}).item<int>(), 7);
  EXPECT_EQ((ones({}) * 3).item(), 3);
  EXPECT_EQ(message_of([] { ones({2}).item(); }), "[item] expected one element, got shape (2)");
}

TEST(Tensor, NumbersTakeTheDtypeOfWhatTheyMeet) {
  EXPECT_EQ((ones({2}, Dtype::f64) * 0.5).dtype(), Dtype::f64);
  EXPECT_EQ((ones({2}, Dtype::f16) + 1).dtype(), Dtype::f16);
  EXPECT_EQ((ones({2}, Dtype::i32) * 2).dtype(), Dtype::i32);
  EXPECT_EQ((ones({2}, Dtype::i32) * 0.5).dtype(), Dtype::f32);
  EXPECT_EQ((Tensor(1) + Tensor(2)).dtype(), Dtype::f32);
  EXPECT_TRUE(Tensor(1).is_weak());
  EXPECT_FALSE((Tensor(1) + ones({})).is_weak());
}

TEST(Tensor, ReadsOnlyWhatIsThere) {
  Tensor lazy = ones({2}) + 1;
  EXPECT_FALSE(lazy.is_evaluated());
  EXPECT_EQ(
      message_of([&] { lazy.data<float>(); }),
      "[tensor] data() needs an evaluated tensor; call eval()");
  EXPECT_EQ(
      message_of([&] { lazy.eval().data<int32_t>(); }),
      "[tensor] expected to read i32, but the tensor is f32 (2)");
  EXPECT_EQ(
      message_of([] {
        Tensor::from<float>({1, 2, 3}, {2, 2});
      }),
      "[tensor] expected 16 bytes for f32 (2, 2), got 12");
}

TEST(Tensor, HandlesShareTheValue) {
  Tensor a = ones({3}) * 2, b = a;
  a.eval();
  EXPECT_TRUE(b.is_evaluated());
  EXPECT_EQ(a.value(), b.value());
  Tensor view = reshape(a, {3, 1}).eval();
  EXPECT_EQ(view.bytes().data(), a.bytes().data());
}

TEST(Tensor, LivesOnADevice) {
  const Device ref{Device::ref}, cuda{Device::cuda};
  Tensor slow = to_device(ones({2}), ref);
  EXPECT_EQ(slow.device(), ref);
  EXPECT_EQ((slow + slow).device(), ref);
  EXPECT_EQ((slow + ones({2})).device(), ref);  // ref may read what lives on cpu
  EXPECT_EQ((slow * 2).device(), ref);
  DeviceScope scope(ref);
  EXPECT_EQ(zeros({2}).device(), ref);
  EXPECT_EQ(
      message_of([&] { Tensor::empty({2}, Dtype::f32, cuda); }), "this build has no CUDA backend");
}

}  // namespace
}  // namespace fovea
