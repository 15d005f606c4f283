#include "fovea/backend/cpu/conv_gemm.h"

#include <gtest/gtest.h>

#include "fovea/autograd/transforms.h"
#include "fovea/backend/cpu/depthwise.h"
#include "fovea/backend/cpu/gemm.h"
#include "fovea/ops/activation.h"
#include "fovea/ops/elementwise.h"
#include "fovea/ops/matmul.h"
#include "tests/support/check_op.h"

// Our own products and convolutions, called as they are: a build with oneDNN uses them for little.
namespace fovea {
namespace {

using test::random_input;
using test::relative_error;

constexpr Device cpu_device{Device::cpu};

template <class F>
void with_threads(F&& f) {
  const int before = threads();
  for (int n : {1, 3}) {
    set_threads(n);
    f();
  }
  set_threads(before);
}

Tensor to_ref(const Tensor& t) {
  return Tensor::from(t.data<float>(), t.shape(), Device{Device::ref});
}

TEST(Gemm, AgreesWithTheReference) {
  for (auto [m, n, k] : std::vector<std::array<int64_t, 3>>{
           {1, 1, 1},
           {5, 3, 2},
           {13, 33, 7},
           {12, 32, 256},
           {37, 70, 300},
           {150, 1100, 530},
           {3, 5, 0},
           {0, 5, 3}})
    for (bool finish : {false, true}) {
      Tensor a = random_input({m, k}, 1), b = random_input({n, k}, 2);
      Tensor bias = random_input({n}, 3), residual = random_input({m, n}, 4);
      Tensor expected = matmul(to_ref(a), to_ref(b), {.transpose_b = true});
      if (finish) expected = relu(expected + to_ref(bias) + to_ref(residual));
      with_threads([&] {
        for (bool in_place : {false, true}) {
          Tensor y =
              in_place ? Tensor::from(residual.data<float>(), {m, n}) : Tensor::empty({m, n});
          Workspace scratch(cpu_device);
          fovea::Run run{cpu_device, scratch};
          float* to = y.mutable_data<float>().data();
          cpu::GemmResult result{.y = to, .stride = n};
          if (finish) {
            result.bias = bias.data<float>().data();
            result.residual = in_place ? to : residual.data<float>().data();
            result.relu = true;
          }
          cpu::gemm(
              {m, n, k},
              cpu::strided_rows(a.data<float>().data(), k, 1),
              cpu::strided_rows(b.data<float>().data(), k, 1),
              result,
              run);
          EXPECT_LE(relative_error(y, expected), 1e-5) << m << " " << n << " " << k;
        }
      });
    }
}

TEST(Gemm, GivesTheSameBitsForAnyNumberOfThreads) {
  Tensor a = random_input({70, 600}, 1), b = random_input({90, 600}, 2);
  std::vector<std::vector<float>> results;
  const int before = threads();
  for (int n : {1, 2, 3, 5}) {
    set_threads(n);
    Workspace scratch(cpu_device);
    fovea::Run run{cpu_device, scratch};
    Tensor y = Tensor::empty({70, 90});
    cpu::gemm(
        {70, 90, 600},
        cpu::strided_rows(a.data<float>().data(), 600, 1),
        cpu::strided_rows(b.data<float>().data(), 600, 1),
        {.y = y.mutable_data<float>().data(), .stride = 90},
        run);
    results.push_back(y.to_vector());
  }
  set_threads(before);
  for (const auto& r : results) EXPECT_EQ(r, results[0]);
}

struct Case {
  Shape x, w;
  Conv2dOptions o = {};
};
const Case cases[] = {
    {{1, 1, 1, 1}, {1, 1, 1, 1}},
    {{2, 3, 3, 13}, {7, 1, 1, 13}},
    {{1, 5, 4, 3}, {2, 1, 1, 3}, {.stride = {2, 3}}},
    {{2, 9, 11, 5}, {35, 3, 3, 5}, {.pad = {1, 1, 1, 1}}},
    {{1, 7, 6, 2}, {3, 3, 3, 2}, {.stride = {2, 2}, .pad = {1, 1, 1, 1}}},
    {{2, 5, 4, 1}, {2, 3, 2, 1}, {.stride = {2, 1}, .pad = {0, 2, 1, 0}}},
    {{1, 2, 3, 1}, {2, 5, 5, 1}, {.pad = {4, 4, 4, 4}}},
    {{1, 7, 6, 2}, {2, 3, 2, 2}, {.pad = {1, 2, 1, 1}, .dilation = {2, 3}}},
    {{1, 4, 5, 6}, {9, 3, 3, 2}, {.pad = {1, 1, 1, 1}, .groups = 3}},
    {{2, 5, 5, 13}, {13, 3, 3, 1}, {.pad = {1, 1, 1, 1}, .groups = 13}},
    {{1, 7, 8, 24}, {24, 3, 3, 1}, {.stride = {2, 1}, .dilation = {1, 2}, .groups = 24}},
    {{2, 6, 5, 18}, {18, 5, 4, 1}, {.stride = {1, 2}, .pad = {2, 2, 1, 2}, .groups = 18}},
    {{1, 20, 20, 64}, {64, 3, 3, 64}, {.pad = {1, 1, 1, 1}}},
};

TEST(GemmConv, AgreesWithTheReferenceInAllDirections) {
  for (const Case& c : cases) {
    Tensor x = random_input(c.x, 1), w = random_input(c.w, 2), b = random_input({c.w[0]}, 3);
    const ConvExtents e(c.x, c.w, conv2d_shape(c.x, c.w, c.o), c.o);
    const Shape y_shape{e.n, e.ho, e.wo, e.out};
    Tensor dy = random_input(y_shape, 4), residual = random_input(y_shape, 5);
    Tensor in[] = {to_ref(x), to_ref(w), to_ref(b)}, dout[] = {to_ref(dy)};
    Vjp r = vjp(
        [&](std::span<const Tensor> t) {
          return std::vector<Tensor>{conv2d(t[0], t[1], t[2], c.o)};
        },
        in,
        dout);
    Tensor expected = conv2d_relu(in[0], in[1], in[2], c.o, to_ref(residual));
    with_threads([&] {
      Workspace scratch(cpu_device);
      fovea::Run run{cpu_device, scratch};
      Tensor y = Tensor::empty(y_shape), dx = Tensor::empty(c.x), dw = Tensor::empty(c.w);
      Tensor db = Tensor::empty(b.shape());
      auto at = [](const Tensor& t) { return t.data<float>().data(); };
      auto to = [](Tensor& t) { return t.mutable_data<float>().data(); };
      const cpu::ConvFinish finish{.bias = at(b), .residual = at(residual), .relu = true};
      cpu::gemm_conv_forward(e, at(x), at(w), finish, to(y), run);
      cpu::gemm_conv_backward_data(e, at(dy), at(w), to(dx), run);
      cpu::gemm_conv_backward_weights(e, at(x), at(dy), to(dw), to(db), run);
      const std::string name = "x " + c.x.str() + ", w " + c.w.str();
      EXPECT_LE(relative_error(y, expected), 1e-5) << name;
      EXPECT_LE(relative_error(dx, r.grads[0]), 1e-5) << name;
      EXPECT_LE(relative_error(dw, r.grads[1]), 1e-5) << name;
      EXPECT_LE(relative_error(db, r.grads[2]), 1e-5) << name;
      if (!cpu::is_depthwise(e)) return;
      cpu::depthwise_forward(e, at(x), at(w), finish, to(y), run);
      cpu::depthwise_backward_data(e, at(dy), at(w), to(dx), run);
      EXPECT_LE(relative_error(y, expected), 1e-5) << name;
      EXPECT_LE(relative_error(dx, r.grads[0]), 1e-5) << name;
    });
  }
}

}  // namespace
}  // namespace fovea
