#include "fovea/classic/features.h"

#include "fovea/ops/join.h"
#include "fovea/ops/shape.h"

namespace fovea::classic {

Tensor Join::forward(const Tensor& x, nn::Ctx& ctx) const {
  std::vector<Tensor> values;
  for (size_t i = 0; i < parts_.size(); ++i)
    values.push_back(flatten(ctx.run(std::to_string(i), *parts_[i], x)));
  return concat(values, 1);
}

void Join::visit(Visitor& v) {
  for (size_t i = 0; i < parts_.size(); ++i) v.child(std::to_string(i), *parts_[i]);
}

}  // namespace fovea::classic
