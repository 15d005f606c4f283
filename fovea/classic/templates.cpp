#include "fovea/classic/templates.h"

#include "fovea/autograd/transforms.h"
#include "fovea/ops/create.h"
#include "fovea/ops/join.h"
#include "fovea/ops/reduce.h"
#include "fovea/ops/slice.h"

namespace fovea::classic {

Tensor templates(const nn::Module& net, const Shape& input) {
  const Tensor x = zeros({1, input[0], input[1], input[2]});
  nn::Ctx ctx;
  const Tensor scores = nn::forward(net, x, ctx);
  std::vector<Tensor> rows;
  for (int64_t c = 0; c < scores.dim(1); ++c) rows.push_back(grad(sum(select(scores, 1, c)), x));
  return concat(rows, 0).eval();
}

}  // namespace fovea::classic
