#include "fovea/ops/update.h"

#include <stdexcept>
#include <utility>

#include <fmt/format.h>

#include "fovea/core/errors.h"

namespace fovea {

std::vector<Spec> Update::infer(std::span<const Tensor> in) const {
  FOVEA_ASSERT(int(in.size()) == states() + 2);
  const Tensor& param = in[0];
  if (param.dtype() != Dtype::f32 && param.dtype() != Dtype::f64)
    throw std::invalid_argument(fmt::format(
        "[{}] expected a parameter of dtype f32 or f64, got {}; keep the weights that are trained "
        "in f32",
        name(),
        param.str()));
  for (size_t i = 1; i < in.size(); ++i) {
    if (in[i].shape() == param.shape() && in[i].dtype() == param.dtype()) continue;
    std::string what = i + 1 == in.size() ? "the gradient" : fmt::format("state {}", i - 1);
    throw std::invalid_argument(fmt::format(
        "[{}] expected {} to be {} as the parameter, got {}",
        name(),
        what,
        param.str(),
        in[i].str()));
  }
  return std::vector<Spec>(in.size() - 1, {param.shape(), param.dtype()});
}

std::vector<Tensor> update(
    std::shared_ptr<const Update> rule,
    const Tensor& param,
    std::span<const Tensor> state,
    const Tensor& grad) {
  std::vector<Tensor> in{param};
  in.insert(in.end(), state.begin(), state.end());
  in.push_back(grad);
  return Tensor::outputs_of(std::move(rule), std::move(in));
}

}  // namespace fovea
