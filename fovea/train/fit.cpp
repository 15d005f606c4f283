#include "fovea/train/fit.h"

#include <algorithm>
#include <functional>

#include <fmt/format.h>

#include "fovea/classic/fitted.h"
#include "fovea/ops/shape.h"
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

// What reaches a place of the network, (N, D), and the labels of the samples it came from.
struct Reaching {
  Tensor values, labels;
};

void fit_each(
    models::Model& model, Key key, const std::function<Reaching(const std::string& path)>& at) {
  std::vector<models::LayerSpec>& layers = model.architecture.layers;
  if (layers.empty()) return;
  const std::vector<nn::Module*> children = children_of(*model.net);
  for (size_t i = 0; i < children.size(); ++i) {
    auto* layer = dynamic_cast<classic::Fitted*>(children[i]);
    if (!layer) continue;
    try {
      const Reaching r = at(fmt::format("{}.input", i));
      layer->fit(
          {.x = r.values,
           .labels = r.labels,
           .classes = model.architecture.classes,
           .key = key.fold_in(i)});
    } catch (const std::invalid_argument& e) {
      throw std::invalid_argument(
          fmt::format("layer {} ({}) cannot be fitted: {}", i, layers[i].type, e.what()));
    }
    for (const auto& [name, value] : layer->sizes()) layers[i].options[name] = value;
  }
}

}  // namespace

void fit_layers(models::Model& model, const data::DatasetPtr& train, const FitOptions& o) {
  fit_each(model, o.key, [&](const std::string& path) {
    check_classes(*train);
    Codes codes = codes_of(
        model,
        train,
        {.layer = path, .mean = false, .workers = o.workers, .max_corrupt = o.max_corrupt});
    return Reaching{codes.values, codes.labels};
  });
}

void fit_layers(models::Model& model, const Tensor& inputs, const Tensor& labels, Key key) {
  fit_each(model, key, [&](const std::string& path) {
    nn::Ctx ctx;
    ctx.wanted_taps = {path};
    nn::forward(*model.net, inputs, ctx);
    const Tensor y = ctx.taps.at(path);
    return Reaching{reshape(y, {y.dim(0), y.numel() / y.dim(0)}).eval(), labels};
  });
}

bool learns_by_steps(const models::Model& model) { return nn::count_parameters(*model.net) > 0; }

void check_learns_by_steps(const models::Model& model, const std::string& user) {
  if (learns_by_steps(model)) return;
  const auto& layers = model.architecture.layers;
  throw std::invalid_argument(fmt::format(
      "{} needs a model that learns by steps; {} is fitted at once, by `fovea train`",
      user,
      layers.empty() ? "this one" : layers.back().type));
}

}  // namespace fovea::train
