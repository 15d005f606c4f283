#include "fovea/train/fit.h"

#include <algorithm>

#include <fmt/format.h>

#include "fovea/classic/fitted.h"
#include "fovea/train/codes.h"

namespace fovea::train {

namespace {

// The children of a list of layers, in its order.
std::vector<nn::Module*> children_of(nn::Module& net) {
  class Collect : public nn::Module::Visitor {
   public:
    std::vector<nn::Module*> found;
    void param(std::string_view, Tensor&, const nn::ParamSpec&) override {}
    void state(std::string_view, Tensor&) override {}
    void child(std::string_view, nn::Module& m) override { found.push_back(&m); }
  };
  Collect collect;
  net.visit(collect);
  return collect.found;
}

void check_classes(const data::Dataset& train) {
  const std::vector<int64_t> counts = data::class_counts(train);
  const auto empty = std::ranges::find(counts, 0);
  if (empty != counts.end())
    throw std::invalid_argument(fmt::format(
        "expected training pictures of every class, got none of {}",
        train.classes()[size_t(empty - counts.begin())]));
}

}  // namespace

void fit_layers(models::Model& model, const data::DatasetPtr& train, const FitOptions& o) {
  std::vector<models::LayerSpec>& layers = model.architecture.layers;
  if (layers.empty()) return;
  const std::vector<nn::Module*> children = children_of(*model.net);
  for (size_t i = 0; i < children.size(); ++i) {
    auto* layer = dynamic_cast<classic::Fitted*>(children[i]);
    if (!layer) continue;
    try {
      check_classes(*train);
      const Codes codes = codes_of(
          model,
          train,
          {.layer = fmt::format("{}.input", i),
           .mean = false,
           .batch = o.batch,
           .workers = o.workers,
           .max_corrupt = o.max_corrupt});
      layer->fit(
          {.x = codes.values,
           .labels = codes.labels,
           .classes = model.architecture.classes,
           .key = o.key.fold_in(i)});
    } catch (const std::invalid_argument& e) {
      throw std::invalid_argument(
          fmt::format("layer {} ({}) cannot be fitted: {}", i, layers[i].type, e.what()));
    }
    for (const auto& [name, value] : layer->sizes()) layers[i].options[name] = value;
  }
}

bool learns_by_steps(const models::Model& model) { return nn::count_parameters(*model.net) > 0; }

}  // namespace fovea::train
