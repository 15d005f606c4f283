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

// The weighted sum of f's outputs with element k of one primal moved by `step`.
double moved(const Fn& f, const std::vector<Tensor>& primals, size_t which, size_t k, double step) {
  std::vector<Tensor> all = primals;
  std::vector<double> values = all[which].to_doubles();
  values[k] += step;
  all[which] = Tensor::from(std::span<const double>(values), all[which].shape(), ref);
  return weighted_sum(f(all));
}

std::vector<double> numerical(
    const Fn& f, const std::vector<Tensor>& primals, size_t which, double eps) {
  std::vector<double> gradient(size_t(primals[which].numel()));
  for (size_t k = 0; k < gradient.size(); ++k)
    gradient[k] =
        (moved(f, primals, which, k, eps) - moved(f, primals, which, k, -eps)) / (2 * eps);
  return gradient;
}

// Brings the floating primals to the reference backend and says which they are.
std::vector<size_t> prepare(std::vector<Tensor>& primals) {
  std::vector<size_t> checked;
  for (size_t i = 0; i < primals.size(); ++i) {
    if (!is_float(primals[i].dtype())) continue;
    primals[i] = to_reference(primals[i]);
    checked.push_back(i);
  }
  return checked;
}

std::vector<Tensor> analytical(
    const Fn& f, const std::vector<Tensor>& primals, const std::vector<size_t>& checked) {
  auto over_checked = [&](std::span<const Tensor> leaves) {
    std::vector<Tensor> all = primals;
    for (size_t i = 0; i < checked.size(); ++i) all[checked[i]] = leaves[i];
    return f(all);
  };
  std::vector<Tensor> leaves;
  for (size_t i : checked) leaves.push_back(primals[i]);
  std::vector<Tensor> grads = vjp(over_checked, leaves, douts_for(over_checked(leaves))).grads;
  eval(grads);
  return grads;
}

double largest(const std::vector<double>& gradient) {
  double most = 1e-12;
  for (double g : gradient) most = std::max(most, std::abs(g));
  return most;
}

// The slopes to the left and to the right of a point, and what f64 may have rounded off of them.
struct Slopes {
  double left = 0, right = 0, noise = 0;
  double mean() const { return (left + right) / 2; }
  bool between(double x, double slack) const {
    return x >= std::min(left, right) - slack && x <= std::max(left, right) + slack;
  }
};

}  // namespace

GradCheck gradcheck(const Fn& f, std::vector<Tensor> primals, double eps) {
  DeviceScope on_ref(ref);
  const std::vector<size_t> checked = prepare(primals);
  const std::vector<Tensor> grads = analytical(f, primals, checked);

  GradCheck worst;
  for (size_t i = 0; i < checked.size(); ++i) {
    std::vector<double> analytic = grads[i].to_doubles();
    std::vector<double> numeric = numerical(f, primals, checked[i], eps);
    const double scale = std::max(largest(analytic), largest(numeric));
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

std::vector<PrimalCheck> gradcheck_piecewise(
    const Fn& f, std::vector<Tensor> primals, const PiecewiseOptions& o) {
  if (!(o.eps > 0) || o.most < 1)
    throw std::invalid_argument(fmt::format(
        "[gradcheck_piecewise] expected a step above 0 and at least 1 element, got {} and {}",
        o.eps,
        o.most));
  DeviceScope on_ref(ref);
  const std::vector<size_t> checked = prepare(primals);
  const std::vector<Tensor> grads = analytical(f, primals, checked);
  const double here = weighted_sum(f(primals));

  std::vector<PrimalCheck> checks(primals.size());
  for (size_t i = 0; i < checked.size(); ++i) {
    PrimalCheck& c = checks[checked[i]];
    const std::vector<double> analytic = grads[i].to_doubles();
    const auto n = int64_t(analytic.size());
    c.tried = std::min(n, o.most);
    std::vector<size_t> elements;
    std::vector<Slopes> slopes;
    double scale = largest(analytic);
    for (int64_t j = 0; j < c.tried; ++j) {
      const auto k = size_t(j * n / c.tried);
      Slopes s;
      for (double eps : {o.eps, o.eps / 10, o.eps / 100}) {
        const double right = moved(f, primals, checked[i], k, eps);
        const double left = moved(f, primals, checked[i], k, -eps);
        // Sums of thousands of terms lose more than their last bit.
        const double rounding = 1e-14 * std::max({std::abs(here), std::abs(left), 1e-30});
        s = {(here - left) / eps, (right - here) / eps, rounding / eps};
        if (std::abs(analytic[k] - s.mean()) <= o.tolerance * largest(analytic) + s.noise) break;
      }
      scale = std::max(scale, std::abs(s.mean()));
      elements.push_back(k);
      slopes.push_back(s);
    }
    for (size_t j = 0; j < elements.size(); ++j) {
      const double a = analytic[elements[j]];
      const Slopes& s = slopes[j];
      const double slack = o.tolerance * scale + s.noise, err = std::abs(a - s.mean());
      if (std::abs(a) <= s.noise && std::abs(s.mean()) <= s.noise) {
        ++c.flat;
        continue;
      }
      // The sides differ by more than what curvature does over so small a step.
      if (std::abs(s.left - s.right) > 1e-3 * scale + s.noise && s.between(a, slack)) {
        ++c.kinks;
        continue;
      }
      c.wrong += !(err <= slack);
      if (err / scale <= c.max_rel_err && std::isfinite(err)) continue;
      c.max_rel_err = std::isfinite(err) ? err / scale : INFINITY;
      c.where = fmt::format("element {}: analytic {}, numerical {}", elements[j], a, s.mean());
    }
  }
  return checks;
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
