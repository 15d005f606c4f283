#include "fovea/classic/nearest_neighbours.h"

#include <stdexcept>

#include <fmt/format.h>

#include "fovea/ops/create.h"

namespace fovea::classic {

NearestNeighbours::NearestNeighbours(const Options& o) : o_(o) {
  if (o.k < 1)
    throw std::invalid_argument(fmt::format("[knn] expected k of at least 1, got {}", o.k));
  if (o.samples > 0 && o.k > o.samples)
    throw std::invalid_argument(
        fmt::format("[knn] expected k of at most the {} samples it knows, got {}", o.samples, o.k));
  points_.points = nn::shaped({o.samples, o.dims});
  points_.order = zeros({o.samples}, Dtype::i32);
  points_.radii = zeros({o.samples});
  labels_ = zeros({o.samples}, Dtype::i32);
}

Tensor NearestNeighbours::forward(const Tensor& x, nn::Ctx&) const {
  if (o_.samples == 0) return nn::shaped({x.dim(0), o_.classes});
  const NearestOptions o{.k = o_.k, .metric = o_.metric};
  const Neighbours found = o_.tree ? nearest(x, points_, o) : nearest(x, points_.points, o);
  return neighbour_votes(found.indices, labels_, o_.classes);
}

void NearestNeighbours::visit(Visitor& v) {
  v.state("points", points_.points);
  v.state("labels", labels_);
  if (!o_.tree) return;
  v.state("order", points_.order);
  v.state("radii", points_.radii);
}

void NearestNeighbours::fit(const Examples& e) {
  check_examples(e, o_.dims, "knn");
  if (o_.k > e.x.dim(0))
    throw std::invalid_argument(fmt::format(
        "[knn] expected k of at most the {} training samples, got {}", e.x.dim(0), o_.k));
  if (o_.tree)
    points_ = plant_tree(e.x, o_.metric);
  else
    points_.points = e.x;
  labels_ = e.labels;
  o_.samples = e.x.dim(0);
}

std::map<std::string, std::string> NearestNeighbours::sizes() const {
  return {{"samples", std::to_string(o_.samples)}};
}

}  // namespace fovea::classic
