#include "fovea/nn/check_layer.h"

#include <algorithm>

#include <fmt/format.h>

#include "fovea/nn/restore.h"

namespace fovea::nn {

bool LayerCheck::passed() const {
  return std::ranges::all_of(of, [](const auto& entry) { return entry.second.passed(); });
}

std::string LayerCheck::str() const {
  std::string text;
  for (const auto& [name, c] : of) {
    if (c.wrong > 0)
      text += fmt::format("{}: wrong, {} of {} elements, {}\n", name, c.wrong, c.tried, c.where);
    else if (!c.tested())
      text += fmt::format(
          "{}: not tested, of {} elements {} have no slope here and {} lie on a kink\n",
          name,
          c.tried,
          c.flat,
          c.kinks);
    else
      text += fmt::format(
          "{}: right, {} elements, largest error {:.1g}\n",
          name,
          c.tried - c.flat - c.kinks,
          c.max_rel_err);
  }
  return text;
}

LayerCheck check_layer(Module& layer, const Tensor& x, const LayerCheckOptions& o) {
  const Restore restore(layer);
  // The state in f64 too; running statistics are used, and the new ones dropped.
  assign(layer, map_tree(state(layer), [](const std::string&, const Tensor& t) {
           if (!is_float(t.dtype())) return t;
           return Tensor::from(t.to_doubles(), t.shape(), Device{Device::ref});
         }));
  std::vector<std::string> names{"input"};
  std::vector<Tensor> primals{x};
  for (const auto& [name, t] : parameters(layer)) {
    names.push_back(name);
    primals.push_back(t);
  }
  const Fn f = [&](std::span<const Tensor> in) {
    Tree values;
    for (size_t i = 1; i < in.size(); ++i) values[names[i]] = in[i];
    assign(layer, values);
    Ctx ctx;
    ctx.training = o.training;
    ctx.key = o.key;
    return std::vector<Tensor>{forward(layer, in[0], ctx)};
  };
  const std::vector<PrimalCheck> checks = gradcheck_piecewise(f, primals, o.steps);
  LayerCheck result;
  for (size_t i = 0; i < names.size(); ++i) result.of[names[i]] = checks[i];
  return result;
}

}  // namespace fovea::nn
