#include "fovea/models/classic_layers.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "fovea/classic/nearest_neighbours.h"
#include "fovea/classic/projection.h"

namespace fovea::models {

namespace {

// Through a tree fewer points are looked at, and each costs more: with more dimensions than this
// comparing all of them is faster. bench/kernels/06-neighbours.md has the measurements.
constexpr int64_t tree_dims = 8;

std::unique_ptr<nn::Module> make_knn(const Reader& r, const Shape& in) {
  const std::string search = r.text("search");
  if (search != "exhaustive" && search != "tree" && search != "auto")
    throw std::invalid_argument(
        fmt::format("expected search to be auto, exhaustive or tree, got \"{}\"", search));
  const int64_t dims = features(in);
  return std::make_unique<classic::NearestNeighbours>(classic::NearestNeighbours::Options{
      .dims = dims,
      .classes = r.integer("out", 1),
      .k = r.integer("k", 1),
      .metric = metric_named(r.text("metric")),
      .tree = search == "tree" || (search == "auto" && dims <= tree_dims),
      .samples = r.integer("samples", 0)});
}

std::unique_ptr<nn::Module> make_projection(const Reader& r, const Shape& in) {
  return std::make_unique<classic::Projection>(classic::Projection::Options{
      .kind = classic::projection_named(r.text("kind")),
      .in = features(in),
      .dims = r.integer("dims", 1),
      .whiten = r.flag("whiten")});
}

}  // namespace

const std::vector<LayerMaker>& classic_layer_makers() {
  static const std::vector<LayerMaker> table{
      {{"knn",
        "votes of the nearest training samples, which it keeps",
        {{"out", "", "classes", true},
         {"k", "5", "how many vote; of as many votes, the class with the nearest wins", true},
         {"metric", "l2", "l2 or l1"},
         {"search", "auto", "exhaustive, tree, or auto: a tree in 8 dimensions or fewer"},
         {"samples", "0", "training samples it keeps; fitting sets it", true}},
        Learning::by_fitting},
       make_knn},
      {{"project",
        "projection onto axes found in the training data, or onto random ones",
        {{"dims", "", "axes", true},
         {"kind", "pca", "pca or random"},
         {"whiten", "false", "divide by the standard deviations, of pca"}},
        Learning::by_fitting},
       make_projection},
  };
  return table;
}

bool is_classic(std::string_view name) {
  static constexpr std::array names{"knn", "svm", "l2svm", "softmax", "rbf", "tree"};
  return std::ranges::find(names, name) != names.end();
}

std::vector<LayerSpec> classic_layers(const ClassicOptions& o, int64_t values, int64_t classes) {
  std::vector<LayerSpec> layers{{"flatten", {}}};
  if (o.projection != "none") {
    classic::projection_named(o.projection);
    if (o.dims < 1 || o.dims > values)
      throw std::invalid_argument(fmt::format(
          "project.dims: expected from 1 to the {} values of a picture, got {}", values, o.dims));
    layers.push_back(
        {"project",
         {{"kind", o.projection},
          {"dims", std::to_string(o.dims)},
          {"whiten", o.whiten ? "true" : "false"}}});
  }
  const std::string out = std::to_string(classes);
  if (o.method == "rbf") {  // the norm makes the steps of far and near units alike
    layers.push_back({"rbf", {{"units", std::to_string(o.units)}}});
    layers.push_back({"norm", {}});
  }
  if (o.method == "tree")
    layers.push_back({"tree", {{"out", out}, {"depth", std::to_string(o.depth)}}});
  else if (o.method == "knn")
    layers.push_back(
        {"knn",
         {{"out", out}, {"k", std::to_string(o.k)}, {"metric", o.metric}, {"search", o.search}}});
  else
    layers.push_back({"linear", {{"out", out}, {"init", "zeros"}}});
  return layers;
}

}  // namespace fovea::models
