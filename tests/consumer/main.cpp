#include <cstdio>

#include "fovea/autograd/transforms.h"
#include "fovea/nn/linear.h"
#include "fovea/ops/elementwise.h"
#include "fovea/ops/reduce.h"

int main() {
  fovea::nn::Linear layer({.in = 3, .out = 2});
  fovea::Tensor x = fovea::Tensor::from<float>({1, 2, 3}, {3});
  fovea::Tensor slope = fovea::grad(fovea::sum(x * x), x);
  for (float value : slope.to_vector()) std::printf("%g ", value);
  std::printf("%d\n", int(fovea::nn::count_parameters(layer)));
}
