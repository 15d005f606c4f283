#include <cstdio>

#include "fovea/autograd/transforms.h"
#include "fovea/ops/elementwise.h"
#include "fovea/ops/reduce.h"

int main() {
  fovea::Tensor x = fovea::Tensor::from<float>({1, 2, 3}, {3});
  fovea::Tensor slope = fovea::grad(fovea::sum(x * x), x);
  for (float value : slope.to_vector()) std::printf("%g ", value);
}
