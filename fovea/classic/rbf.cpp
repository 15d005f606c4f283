#include "fovea/classic/rbf.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include <fmt/format.h>

#include "fovea/classic/kmeans.h"
#include "fovea/ops/create.h"
#include "fovea/ops/elementwise.h"

namespace fovea::classic {

Tensor gaussians(const Tensor& x, const Tensor& centres, const Tensor& log_widths) {
  return exp(squared_distances(x, centres) * exp(log_widths * -2) * -0.5);
}

Rbf::Rbf(const Options& o)
    : o_(o), centres_(nn::shaped({o.units, o.in})), log_widths_(nn::shaped({o.units})) {
  if (o.in < 1 || o.units < 1 || o.samples < 1 || !(o.width > 0))
    throw std::invalid_argument(fmt::format(
        "[rbf] expected in, units and samples of at least 1 and a width above 0, got {}, {}, {} "
        "and {}",
        o.in,
        o.units,
        o.samples,
        o.width));
}

Tensor Rbf::forward(const Tensor& x, nn::Ctx&) const {
  if (x.rank() != 2 || x.dim(1) != o_.in)
    throw std::invalid_argument(
        fmt::format("[rbf] expected features (N, {}), got {}", o_.in, x.shape().str()));
  return gaussians(x, centres_, log_widths_);
}

void Rbf::visit(Visitor& v) {
  if (o_.train) {
    v.param("centres", centres_, {.init = nn::normal(1)});
    v.param("log_widths", log_widths_);
  } else {
    v.state("centres", centres_);
    v.state("log_widths", log_widths_);
  }
}

void Rbf::fit(const Examples& e) {
  check_examples(e, o_.in, "rbf");
  const Tensor x = some_rows(e.x, o_.samples, e.key.fold_in(0));
  if (x.dim(0) < o_.units)
    throw std::invalid_argument(fmt::format(
        "[rbf] expected at most as many units as training samples, {}, got {}; lower rbf.units, or "
        "units of the layer",
        x.dim(0),
        o_.units));
  const Clusters found = kmeans(x, {.clusters = o_.units, .key = e.key.fold_in(1)});
  centres_ = found.centres;
  const double spread = std::sqrt(std::max(found.error, 1e-12));
  log_widths_ = full({o_.units}, std::log(o_.width * spread));
}

}  // namespace fovea::classic
