#include "fovea/autograd/gradcheck.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "fovea/core/eval.h"
#include "fovea/core/random.h"
#include "fovea/ops/create.h"
#include "fovea/ops/elementwise.h"

namespace fovea {

namespace {

const Device ref{Device::ref};

Tensor to_reference(const Tensor& t) {
  std::vector<double> values = t.to_doubles();
  return Tensor::from(std::span<const double>(values), t.shape(), ref);
}

Tensor weights_for(const Tensor& out, uint64_t index) {
  Rng rng(Key(97).fold_in(index));
  std::vector<double> w(size_t(out.numel()));
  for (double& x : w) x = rng.uniform(0.5, 1.5);
  return Tensor::from(std::span<const double>(w), out.shape(), ref);
}

double weighted_sum(const std::vector<Tensor>& outputs) {
  double total = 0;
  for (size_t i = 0; i < outputs.size(); ++i) {
    if (!is_float(outputs[i].dtype())) continue;
    std::vector<double> values = outputs[i].to_doubles();
    auto w = weights_for(outputs[i], i).to_doubles();
    for (size_t k = 0; k < values.size(); ++k) total += values[k] * w[k];
  }
  return total;
}

std::vector<Tensor> douts_for(const std::vector<Tensor>& outputs) {
  std::vector<Tensor> douts;
  for (size_t i = 0; i < outputs.size(); ++i)
    douts.push_back(
        is_float(outputs[i].dtype()) ? weights_for(outputs[i], i) : full_like(outputs[i], 0));
  return douts;
}

std::vector<double> numerical(const Fn& f, std::vector<Tensor>& primals, size_t which, double eps) {
  std::vector<double> gradient(size_t(primals[which].numel()));
  Tensor original = primals[which];
  for (size_t k = 0; k < gradient.size(); ++k) {
    auto at = [&](double step) {
      std::vector<double> moved = original.to_doubles();
      moved[k] += step;
      primals[which] = Tensor::from(std::span<const double>(moved), original.shape(), ref);
      return weighted_sum(f(primals));
    };
    gradient[k] = (at(eps) - at(-eps)) / (2 * eps);
  }
  primals[which] = original;
  return gradient;
}

}  // namespace

GradCheck gradcheck(const Fn& f, std::vector<Tensor> primals, double eps) {
  DeviceScope on_ref(ref);
  std::vector<size_t> checked;
  for (size_t i = 0; i < primals.size(); ++i) {
    if (!is_float(primals[i].dtype())) continue;
    primals[i] = to_reference(primals[i]);
    checked.push_back(i);
  }

  auto over_checked = [&](std::span<const Tensor> leaves) {
    std::vector<Tensor> all = primals;
    for (size_t i = 0; i < checked.size(); ++i) all[checked[i]] = leaves[i];
    return f(all);
  };
  std::vector<Tensor> leaves;
  for (size_t i : checked) leaves.push_back(primals[i]);
  std::vector<Tensor> grads = vjp(over_checked, leaves, douts_for(over_checked(leaves))).grads;
  eval(grads);

  GradCheck worst;
  for (size_t i = 0; i < checked.size(); ++i) {
    std::vector<double> analytic = grads[i].to_doubles();
    std::vector<double> numeric = numerical(f, primals, checked[i], eps);
    double scale = 1e-12;
    for (double g : analytic) scale = std::max(scale, std::abs(g));
    for (double g : numeric) scale = std::max(scale, std::abs(g));
    for (size_t k = 0; k < analytic.size(); ++k) {
      double err = std::abs(analytic[k] - numeric[k]);
      worst.max_abs_err = std::max(worst.max_abs_err, err);
      if (err / scale > worst.max_rel_err || !std::isfinite(err)) {
        worst.max_rel_err = std::isfinite(err) ? err / scale : INFINITY;
        worst.where = fmt::format(
            "primal {}, element {}: analytic {}, numerical {}",
            checked[i],
            k,
            analytic[k],
            numeric[k]);
      }
    }
  }
  return worst;
}

GradCheck gradcheck_twice(const Fn& f, std::vector<Tensor> primals, double eps) {
  Fn gradient = [&f](std::span<const Tensor> in) {
    std::vector<Tensor> inputs, outputs = f(in), douts = douts_for(outputs);
    for (const Tensor& t : in)
      if (is_float(t.dtype())) inputs.push_back(t);
    return backward(outputs, douts, inputs);
  };
  return gradcheck(gradient, std::move(primals), eps);
}

}  // namespace fovea
