#include "fovea/ops/pool.h"

#include <cmath>
#include <set>

#include <gtest/gtest.h>

#include "fovea/autograd/transforms.h"
#include "fovea/ops/create.h"
#include "fovea/ops/elementwise.h"
#include "fovea/ops/join.h"
#include "fovea/ops/reduce.h"
#include "fovea/ops/shape.h"
#include "tests/support/check_op.h"
#include "tests/support/fixture_tensors.h"

namespace fovea {
namespace {

using test::check_op;
using test::distinct_input;
using test::message_of;
using test::random_input;

struct Case {
  const char* name;
  Shape x;
  Pool2dOptions o = {};
  bool second = false;
};

const Case cases[] = {
    {"one pixel", {1, 1, 1, 1}, {.kernel = {1, 1}}, true},
    {"halving", {2, 4, 6, 3}, {}, true},
    {"rest unread", {1, 5, 5, 2}, {}, true},
    {"rest by ceil", {1, 5, 5, 2}, {.rounding = Rounding::ceil}, true},
    {"overlapping", {2, 7, 7, 13}, {.kernel = {3, 3}, .stride = {2, 2}, .pad = {1, 1, 1, 1}}},
    {"overlapping small",
     {1, 4, 5, 1},
     {.kernel = {3, 3}, .stride = {1, 2}, .pad = {1, 1, 1, 1}},
     true},
    {"asymmetric", {1, 5, 4, 24}, {.kernel = {3, 2}, .stride = {2, 1}, .pad = {0, 2, 1, 0}}},
    {"gaps", {1, 7, 8, 7}, {.kernel = {2, 1}, .stride = {3, 3}}},
    {"ceil, padded",
     {1, 6, 8, 3},
     {.kernel = {3, 3}, .stride = {2, 2}, .pad = {0, 0, 1, 1}, .rounding = Rounding::ceil}},
    {"exclusive",
     {1, 5, 6, 5},
     {.kernel = {3, 3},
      .stride = {2, 2},
      .pad = {1, 1, 1, 1},
      .rounding = Rounding::ceil,
      .count_include_pad = false}},
    {"pixels narrower than a vector", {2, 8, 9, 6}},
    {"rows narrower than a vector", {2, 4, 2, 3}},
    {"one channel", {1, 6, 40, 1}, {.kernel = {3, 3}, .stride = {2, 2}, .pad = {1, 1, 1, 1}}},
    {"a vector and a half", {1, 6, 7, 12}},
    {"empty batch", {0, 4, 4, 3}},
    {"wide", {1, 5, 5, 40}, {.kernel = {3, 3}, .stride = {2, 2}}},
};

TEST(MaxPool, EveryCaseAgreesWithReferenceAndGradients) {
  for (const Case& c : cases) {
    Fn f = [&](std::span<const Tensor> in) {
      auto [y, index] = max_pool2d_with_index(in[0], c.o);
      return std::vector<Tensor>{y, index};
    };
    check_op({.name = c.name, .f = f, .inputs = {distinct_input(c.x, 1)}, .second = c.second});
  }
}

TEST(AvgPool, EveryCaseAgreesWithReferenceAndGradients) {
  for (const Case& c : cases) {
    Fn f = [&](std::span<const Tensor> in) { return std::vector<Tensor>{avg_pool2d(in[0], c.o)}; };
    check_op({.name = c.name, .f = f, .inputs = {random_input(c.x, 1)}, .second = c.second});
  }
}

TEST(AdaptivePool, EveryCaseAgreesWithReferenceAndGradients) {
  for (const Shape& size : {Shape{1, 1}, Shape{3, 4}, Shape{9, 2}}) {
    Fn avg = [&](std::span<const Tensor> in) {
      return std::vector<Tensor>{adaptive_avg_pool2d(in[0], size[0], size[1])};
    };
    Fn max = [&](std::span<const Tensor> in) {
      return std::vector<Tensor>{adaptive_max_pool2d(in[0], size[0], size[1])};
    };
    check_op(
        {.name = size.str(), .f = avg, .inputs = {random_input({2, 7, 5, 3}, 1)}, .second = true});
    check_op({.name = size.str(), .f = max, .inputs = {distinct_input({2, 7, 5, 3}, 1)}});
  }
}

TEST(AdaptivePool, BinsThatTileAreOrdinaryWindows) {
  Tensor x = random_input({2, 6, 8, 5}, 1);
  EXPECT_LE(test::relative_error(adaptive_avg_pool2d(x, 3, 4), avg_pool2d(x)), 0);
  EXPECT_LE(test::relative_error(adaptive_max_pool2d(x, 3, 4), max_pool2d(x)), 0);
}

// Over a picture of its own row numbers each maximum is the last row of its window, and over their
// negatives the first.
std::vector<PoolBin> rows_of(int64_t size, const FractionalPoolOptions& o, std::optional<Key> key) {
  Tensor ramp = reshape(arange(size, Dtype::f32), {1, size, 1, 1});
  FractionalPoolOptions one = o;
  one.width = 1;
  if (o.overlapping) ramp = concat({ramp, ramp}, 2);
  const auto last = fractional_max_pool2d(ramp, one, key).to_vector();
  const auto first = fractional_max_pool2d(-ramp, one, key).to_vector();
  std::vector<PoolBin> bins;
  for (size_t i = 0; i < last.size(); ++i)
    bins.push_back({int64_t(-first[i]), int64_t(last[i]) + 1, int64_t(last[i] + first[i]) + 1});
  return bins;
}

TEST(FractionalMaxPool, WithoutAKeyTheWindowsFollowTheFormula) {
  // floor(7 i / 5) = 0 1 2 4 5 7, and floor(6 i / 5) = 0 1 2 3 4 6 for those that share a row.
  EXPECT_EQ(
      rows_of(7, {.height = 5, .overlapping = false}, {}),
      (std::vector<PoolBin>{{0, 1, 1}, {1, 2, 1}, {2, 4, 2}, {4, 5, 1}, {5, 7, 2}}));
  EXPECT_EQ(
      rows_of(7, {.height = 5}, {}),
      (std::vector<PoolBin>{{0, 2, 2}, {1, 3, 2}, {2, 4, 2}, {3, 5, 2}, {4, 7, 3}}));
}

TEST(FractionalMaxPool, WindowsCoverTheImageInStepsThatDifferByOne) {
  for (bool overlapping : {false, true})
    for (bool pseudorandom : {false, true}) {
      std::set<std::vector<int64_t>> seen;
      for (uint64_t seed = 0; seed < 30; ++seed) {
        const auto bins = rows_of(
            25,
            {.height = 17, .overlapping = overlapping, .pseudorandom = pseudorandom},
            Key(seed));
        ASSERT_EQ(bins.size(), 17u);
        const int64_t shared = overlapping ? 1 : 0;
        EXPECT_EQ(bins.front().begin, 0);
        EXPECT_EQ(bins.back().end, 25);
        std::vector<int64_t> steps;
        for (size_t i = 0; i < bins.size(); ++i) {
          steps.push_back(bins[i].end - bins[i].begin - shared);
          EXPECT_GE(steps.back(), 1);
          EXPECT_LE(steps.back(), 2);
          if (i > 0) {
            EXPECT_EQ(bins[i].begin, bins[i - 1].end - shared);
          }
        }
        seen.insert(steps);
      }
      // Even sizes have 17 or fewer places to begin at; any order has thousands.
      EXPECT_GT(seen.size(), pseudorandom ? 5u : 28u);
      EXPECT_LE(seen.size(), pseudorandom ? 17u : 30u);
    }
}

TEST(FractionalMaxPool, AgreesWithReferenceAndGradients) {
  for (bool pseudorandom : {false, true})
    check_op(
        {.name = "fractional",
         .f =
             [&](auto in) {
               return std::vector<Tensor>{fractional_max_pool2d(
                   in[0], {.height = 5, .width = 3, .pseudorandom = pseudorandom}, Key(3))};
             },
         .inputs = {distinct_input({2, 7, 5, 3}, 1)}});
}

TEST(FractionalMaxPool, RefusesMoreWindowsThanPixels) {
  Tensor x = random_input({1, 4, 4, 1}, 1);
  EXPECT_EQ(
      message_of([&] { fractional_max_pool2d(x, {.height = 4, .width = 3}); }),
      "[fractional_max_pool2d] expected 1 to 3 windows along 4 pixels, got 4");
  EXPECT_EQ(
      fractional_max_pool2d(x, {.height = 4, .width = 4, .overlapping = false}).to_vector(),
      x.to_vector());
}

TEST(MaxPool, LargeImagesOnSeveralThreads) {
  Tensor x = distinct_input({3, 33, 31, 24}, 1), dy = random_input({3, 17, 16, 24}, 2);
  Fn f = [](std::span<const Tensor> in) {
    return std::vector<Tensor>{
        max_pool2d(in[0], {.kernel = {3, 3}, .stride = {2, 2}, .pad = {1, 1, 1, 1}})};
  };
  Tensor slow_x = to_device(x, Device{Device::ref});
  Vjp fast = vjp(f, std::span(&x, 1), std::span(&dy, 1));
  Vjp slow = vjp(f, std::span(&slow_x, 1), std::span(&dy, 1));
  EXPECT_LE(test::relative_error(fast.values[0], slow.values[0]), 0);
  EXPECT_LE(test::relative_error(fast.grads[0], slow.grads[0]), 1e-6);
}

TEST(MaxPool, TheFirstOfEqualsTakesTheGradient) {
  for (Device device : {Device{Device::ref}, Device{Device::cpu}}) {
    Tensor x = Tensor::from({0.f, 3.f, 3.f, 3.f}, {1, 2, 2, 1}, device);
    EXPECT_EQ(max_pool2d_with_index(x).index.to_vector(), (std::vector<float>{1}));
    EXPECT_EQ(grad(sum(max_pool2d(x)), x).to_vector(), (std::vector<float>{0, 1, 0, 0}));
  }
}

TEST(MaxPool, PaddingNeverWinsAndANanDoes) {
  for (Device device : {Device{Device::ref}, Device{Device::cpu}}) {
    Tensor x = Tensor::from({-5.f, -3.f, -INFINITY, -INFINITY}, {1, 1, 4, 1}, device);
    auto [y, index] = max_pool2d_with_index(x, {.kernel = {1, 2}, .pad = {0, 0, 1, 1}});
    EXPECT_EQ(y.to_vector(), (std::vector<float>{-5, -3, -INFINITY}));
    EXPECT_EQ(index.to_vector(), (std::vector<float>{0, 1, 3}));
    Tensor nan = Tensor::from({1.f, NAN, 2.f, 3.f}, {1, 2, 2, 1}, device);
    EXPECT_TRUE(std::isnan(max_pool2d(nan).item<float>()));
  }
}

// CS231n's 4 x 4 example of 2 x 2 max pooling.
TEST(MaxPool, ClosedForm) {
  Tensor x = Tensor::from(
      {1.f, 1.f, 2.f, 4.f, 5.f, 6.f, 7.f, 8.f, 3.f, 2.f, 1.f, 0.f, 1.f, 2.f, 3.f, 4.f},
      {1, 4, 4, 1});
  EXPECT_EQ(max_pool2d(x).to_vector(), (std::vector<float>{6, 8, 3, 4}));
  EXPECT_EQ(avg_pool2d(x).to_vector(), (std::vector<float>{3.25, 5.25, 2, 2}));
}

TEST(AvgPool, PaddingCountsUnlessToldOtherwise) {
  Tensor x = Tensor::from({2.f, 4.f}, {1, 1, 2, 1});
  Pool2dOptions o{.kernel = {1, 2}, .stride = {1, 1}, .pad = {0, 0, 1, 1}};
  EXPECT_EQ(avg_pool2d(x, o).to_vector(), (std::vector<float>{1, 3, 2}));
  o.count_include_pad = false;
  EXPECT_EQ(avg_pool2d(x, o).to_vector(), (std::vector<float>{2, 3, 4}));
}

TEST(AvgPool, GlobalIsTheMeanOfTheImage) {
  Tensor x = random_input({2, 3, 5, 7}, 1);
  EXPECT_EQ(global_avg_pool(x).shape(), (Shape{2, 7}));
  EXPECT_LE(test::relative_error(global_avg_pool(x), adaptive_avg_pool2d(x, 1, 1)), 1e-6);
}

// LAY-31: values go back where the maxima were.
TEST(Unpool, MaxUnpoolingPutsValuesBack) {
  Tensor x = Tensor::from({1.f, 9.f, 3.f, 4.f, 5.f, 6.f, 8.f, 7.f}, {1, 2, 4, 1});
  auto [y, index] = max_pool2d_with_index(x);
  EXPECT_EQ(max_unpool2d(y, index, 2, 4).to_vector(), (std::vector<float>{0, 9, 0, 0, 0, 0, 8, 0}));
  EXPECT_EQ(
      max_unpool2d(y, cast(index, Dtype::i64), 2, 4).to_vector(),
      max_unpool2d(y, index, 2, 4).to_vector());
}

TEST(Unpool, AgreeWithReferenceAndGradients) {
  Tensor index = test::int_input({2, 2, 3, 5}, 1, 0, 24);
  Fn scatter = [&](std::span<const Tensor> in) {
    return std::vector<Tensor>{max_unpool2d(in[0], in[1], 4, 6)};
  };
  check_op(
      {.name = "max_unpool2d",
       .f = scatter,
       .inputs = {random_input({2, 2, 3, 5}, 2), index},
       .second = true});
  for (int factor : {1, 2, 3}) {
    Fn nails = [&](std::span<const Tensor> in) {
      return std::vector<Tensor>{bed_of_nails(in[0], factor)};
    };
    Fn nearest = [&](std::span<const Tensor> in) {
      return std::vector<Tensor>{upsample_nearest(in[0], factor)};
    };
    check_op(
        {.name = "nails", .f = nails, .inputs = {random_input({2, 3, 2, 3}, 3)}, .second = true});
    check_op(
        {.name = "nearest",
         .f = nearest,
         .inputs = {random_input({2, 3, 2, 3}, 4)},
         .second = true});
  }
}

// LAY-30, LAY-32.
TEST(Unpool, ClosedForms) {
  Tensor x = Tensor::from({1.f, 2.f}, {1, 1, 2, 1});
  EXPECT_EQ(bed_of_nails(x, 2).to_vector(), (std::vector<float>{1, 0, 2, 0, 0, 0, 0, 0}));
  EXPECT_EQ(upsample_nearest(x, 2).to_vector(), (std::vector<float>{1, 1, 2, 2, 1, 1, 2, 2}));
}

TEST(Pool, AgreesWithPyTorch) {
  test::FixtureTensors file("pool.safetensors");
  auto check = [&](const std::string& name, const Tensor& x, const Fn& f) {
    SCOPED_TRACE(name);
    Tensor dy = file[name + ".dy"];
    Vjp r = vjp(f, std::span(&x, 1), std::span(&dy, 1));
    EXPECT_LE(test::relative_error(r.values[0], file[name + ".y"]), 1e-5);
    EXPECT_LE(test::relative_error(r.grads[0], file[name + ".dx"]), 1e-5);
  };
  for (std::string name : {"halving", "overlapping", "exclusive", "ceil", "ceil_exclusive"}) {
    std::vector<int> v = file.ints(name + ".options");
    Pool2dOptions o{
        .kernel = {v[0], v[1]},
        .stride = {v[2], v[3]},
        .pad = {v[4], v[5], v[6], v[7]},
        .rounding = v[8] ? Rounding::ceil : Rounding::floor,
        .count_include_pad = v[9] != 0};
    Tensor x = file[name + ".x"];
    check(name + ".max", x, [&](std::span<const Tensor> in) {
      return std::vector<Tensor>{max_pool2d(in[0], o)};
    });
    check(name + ".avg", x, [&](std::span<const Tensor> in) {
      return std::vector<Tensor>{avg_pool2d(in[0], o)};
    });
    EXPECT_EQ(max_pool2d_with_index(x, o).index.to_vector(), file[name + ".index"].to_vector())
        << name;
  }
  for (std::string name : {"shrink", "one", "grow"}) {
    std::vector<int> v = file.ints(name + ".options");
    Tensor x = file[name + ".x"];
    check(name + ".max", x, [&](std::span<const Tensor> in) {
      return std::vector<Tensor>{adaptive_max_pool2d(in[0], v[0], v[1])};
    });
    check(name + ".avg", x, [&](std::span<const Tensor> in) {
      return std::vector<Tensor>{adaptive_avg_pool2d(in[0], v[0], v[1])};
    });
  }
}

TEST(Pool, Messages) {
  auto error = [](const Shape& x, const Pool2dOptions& o) {
    return message_of([&] { max_pool2d(Tensor::empty(x), o); });
  };
  EXPECT_EQ(error({4, 4, 3}, {}), "[max_pool2d] expected images (N, H, W, C), got (4, 4, 3)");
  EXPECT_EQ(
      error({1, 2, 4, 3}, {.kernel = {3, 3}}),
      "[max_pool2d] expected a window no larger than the padded input, got 3 over height 2 with "
      "padding 0 and 0; pad more or use a smaller kernel");
  EXPECT_EQ(
      error({1, 4, 4, 3}, {.pad = {2, 0, 0, 0}}),
      "[max_pool2d] expected padding smaller than the kernel 2 along the height, got 2 and 0");
  EXPECT_EQ(
      error({1, 4, 0, 3}, {}),
      "[max_pool2d] expected at least one pixel along the width, got none");
  EXPECT_EQ(
      error({1, 5, 4, 3}, {.rounding = Rounding::exact}),
      "[max_pool2d] expected windows that tile the height exactly, got (5 + 0 + 0 - 2) / 2 + 1 = "
      "2.50 "
      "of them; change the padding or the stride");
  EXPECT_EQ(
      message_of([] {
        avg_pool2d(test::int_input({1, 2, 2, 1}, 1, 0, 3));
      }),
      "[avg_pool2d] expected f32 or f64 images, got i32 (1, 2, 2, 1); cast them");
  EXPECT_EQ(
      message_of([] {
        adaptive_avg_pool2d(Tensor::empty({1, 2, 2, 1}), 0, 1);
      }),
      "[adaptive_avg_pool2d] expected at least one pixel and one bin, got 2 and 0");
  Tensor y = random_input({1, 2, 2, 1}, 1);
  EXPECT_EQ(
      message_of([&] {
        max_unpool2d(y, test::int_input({1, 2, 1, 1}, 1, 0, 3), 4, 4);
      }),
      "[max_unpool2d] expected an index i32 (1, 2, 2, 1) for values (1, 2, 2, 1), got i32 (1, 2, "
      "1, 1)");
  EXPECT_EQ(
      message_of([&] {
        max_unpool2d(y, test::int_input({1, 2, 2, 1}, 1, 0, 3), 0, 4);
      }),
      "[max_unpool2d] expected a positive size, got 0 x 4");
  EXPECT_NE(
      message_of([&] {
        max_unpool2d(y, test::int_input({1, 2, 2, 1}, 1, 16, 17), 4, 4).eval();
      }).find("expected indices below 16 for 4 x 4 images, got 16"),
      std::string::npos);
  Tensor wraps = Tensor::from<int64_t>({0, 1, 2, (int64_t(1) << 32) + 3}, {1, 2, 2, 1});
  EXPECT_NE(
      message_of([&] {
        max_unpool2d(y, wraps, 4, 4).eval();
      }).find("expected indices within 0..15, got 4294967299 at position (0, 1, 1, 0)"),
      std::string::npos);
  EXPECT_EQ(
      message_of([&] { bed_of_nails(y, 0); }),
      "[bed_of_nails] expected a factor of at least 1, got 0");
  EXPECT_EQ(
      message_of([&] { upsample_nearest(y, 0); }),
      "[upsample_nearest] expected a factor of at least 1, got 0");
}

}  // namespace
}  // namespace fovea
