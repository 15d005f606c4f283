// Gradients on a graph small enough to check by hand. docs/autograd.md walks through it.

#include <cstdio>

#include "fovea/autograd/gradcheck.h"
#include "fovea/autograd/transforms.h"
#include "fovea/ops/elementwise.h"
#include "fovea/ops/matmul.h"
#include "fovea/ops/reduce.h"

using namespace fovea;

Tensor number(float value) { return Tensor::from<float>({value}, {}); }

void a_sum_and_a_product() {
  Tensor x = number(-2), y = number(5), z = number(-4);
  Tensor q = x + y;
  Tensor f = q * z;
  auto slopes = grad(f, {{x, y, z, q}});

  std::printf("f = %g\n", f.item());
  std::printf("df/dx = %g\n", slopes[0].item());
  std::printf("df/dy = %g\n", slopes[1].item());
  std::printf("df/dz = %g\n", slopes[2].item());
  std::printf("df/dq = %g\n", slopes[3].item());
}

void a_value_used_twice() {
  Tensor x = number(3);
  Tensor f = x * x + x;
  std::printf("d(x^2 + x)/dx = %g\n", grad(f, x).item());
}

void a_slope_of_a_slope() {
  Tensor x = number(2);
  Tensor slope = grad(x * x * x, x);
  Tensor curvature = grad(slope, x);
  std::printf("x^3 at 2: slope %g, curvature %g\n", slope.item(), curvature.item());
}

void a_layer_checked_numerically() {
  Tensor x = Tensor::from<float>({1, 2, -1, 0.5, 3, -2}, {2, 3});
  Tensor w = Tensor::from<float>({0.1, -0.2, 0.3, 0.4, 0.5, -0.6}, {2, 3});
  Fn layer = [](std::span<const Tensor> in) -> std::vector<Tensor> {
    return {sum(tanh(linear(in[0], in[1])))};
  };
  std::printf("layer checked: %s\n", gradcheck(layer, {x, w}).max_rel_err < 1e-6 ? "yes" : "no");
}

int main() {
  a_sum_and_a_product();
  a_value_used_twice();
  a_slope_of_a_slope();
  a_layer_checked_numerically();
}
