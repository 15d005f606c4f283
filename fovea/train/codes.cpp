#include "fovea/train/codes.h"

#include <map>

#include <fmt/format.h>

#include "fovea/core/eval.h"
#include "fovea/core/text.h"
#include "fovea/graph/freeze.h"
#include "fovea/models/summary.h"
#include "fovea/ops/join.h"
#include "fovea/ops/reduce.h"
#include "fovea/ops/shape.h"

namespace fovea::train {

namespace {

std::vector<models::LayerRow> learning_layers(const models::Model& model) {
  std::vector<models::LayerRow> rows;
  for (models::LayerRow& row : models::summarize(*model.net, model.architecture.input).layers)
    if (row.parameters > 0) rows.push_back(std::move(row));
  return rows;
}

// The first `parts` names of a path.
std::string beginning(const std::string& path, int parts) {
  size_t end = 0;
  for (int i = 0; i < parts && end != std::string::npos; ++i) end = path.find('.', end + (i > 0));
  return path.substr(0, end);
}

// The path of the last layer under `prefix` that makes scores of features: a linear one, or a
// convolution. "" where there is none.
std::string scoring_layer(const models::Model& model, const std::string& prefix = "") {
  const Tree parameters = nn::parameters(*model.net);
  const auto rows = learning_layers(model);
  for (auto row = rows.rbegin(); row != rows.rend(); ++row) {
    const auto weight = parameters.find(row->path + ".weight");
    if (row->path.starts_with(prefix) && weight != parameters.end() &&
        (weight->second.rank() == 2 || weight->second.rank() == 4))
      return row->path;
  }
  return "";
}

// The tap whose values are the codes where nobody names a layer.
std::string usual_layer(const models::Model& model) {
  if (!model.head_input.empty()) return model.head_input;
  std::vector<std::string> heads;
  for (size_t i = 0; i < model.architecture.members.size(); ++i)
    heads.push_back(scoring_layer(model, fmt::format("members.{}.", i)) + ".input");
  if (!heads.empty())
    throw std::invalid_argument(fmt::format(
        "[codes] an ensemble has a head in each member: name the layer that is wanted (--layer), "
        "such as {}",
        list_of(heads)));
  const std::string head = scoring_layer(model);
  if (head.empty())
    throw std::invalid_argument(fmt::format(
        "[codes] {} has no linear layer or convolution whose input would be its features: name a "
        "layer (--layer)",
        model.architecture.name));
  return head + ".input";
}

// A batch of this shape to the codes of `layer`.
graph::Plan plan_of(const models::Model& model, const Shape& batch, const CodesOptions& o) {
  const std::string layer = o.layer.empty() ? usual_layer(model) : o.layer;
  auto f = [&](std::span<const Tensor> in) {
    nn::Ctx ctx;
    ctx.wanted_taps = {layer};
    nn::forward(*model.net, in[0], ctx);
    if (!ctx.taps.contains(layer)) {
      std::vector<std::string> known;
      for (const auto& row : models::summarize(*model.net, model.architecture.input).layers)
        known.push_back(row.path);
      throw std::invalid_argument(fmt::format(
          "[codes] the network has no layer \"{}\"{}; `fovea models` lists them",
          layer,
          did_you_mean(layer, known)));
    }
    Tensor y = ctx.taps.at(layer);
    models::check_rows(y, in[0].dim(0));
    if (o.mean && y.rank() == 4) y = mean(y, {1, 2});
    return std::vector<Tensor>{reshape(y, {y.dim(0), y.numel() / y.dim(0)})};
  };
  const Spec spec{batch, Dtype::f32};
  return graph::freeze_batch(f, std::span(&spec, 1));
}

}  // namespace

std::string head_of(const models::Model& model) {
  const auto rows = learning_layers(model);
  const Tree parameters = nn::parameters(*model.net);
  auto weight = rows.empty() ? parameters.end() : parameters.find(rows.back().path + ".weight");
  if (weight == parameters.end() || weight->second.rank() != 2)
    throw std::invalid_argument(fmt::format(
        "[codes] expected a network that ends with a linear layer, got {} with {}; model.head = "
        "\"linear\" gives one to it",
        model.architecture.name,
        rows.empty() ? "no layers that learn" : rows.back().path + " at its end"));
  return rows.back().path;
}

std::set<std::string> head_parameters(const models::Model& model) {
  const std::string head = scoring_layer(model);
  std::set<std::string> names;
  for (const auto& [name, t] : nn::parameters(*model.net))
    if (name.starts_with(head + ".")) names.insert(name);
  if (names.empty())
    throw std::invalid_argument(fmt::format(
        "[codes] expected a network with a linear layer or a convolution as its head, got {}",
        model.architecture.name));
  return names;
}

std::vector<std::string> stages_of(const models::Model& model) {
  const auto rows = learning_layers(model);
  std::map<std::string, size_t> layers;
  for (const auto& row : rows) ++layers[beginning(row.path, 1)];
  std::vector<std::string> stages;
  for (const auto& row : rows) {
    const bool large = 2 * layers[beginning(row.path, 1)] > rows.size();
    const std::string stage = beginning(row.path, large ? 2 : 1);
    if (stages.empty() || stages.back() != stage) stages.push_back(stage);
  }
  return stages;
}

bool has_codes(const models::Model& model) {
  return !model.head_input.empty() || !scoring_layer(model).empty();
}

Codes codes_of(const models::Model& model, const data::DatasetPtr& dataset, const CodesOptions& o) {
  data::Loader loader(
      dataset,
      {.batch_size = model.one_by_one ? 1 : o.batch,
       .preprocess = model.preprocess,
       .workers = o.workers,
       .cache_bytes = 0,
       .max_corrupt = o.max_corrupt});
  Codes codes;
  std::vector<Tensor> values, labels;
  std::optional<graph::Plan> plan;
  Shape planned;
  loader.start(0);
  while (auto batch = loader.next()) {
    if (!plan || !(planned == batch->images.shape())) {
      planned = batch->images.shape();
      plan = plan_of(model, planned, o);
    }
    values.push_back(plan->run(batch->images));
    labels.push_back(batch->labels);
    codes.indices.insert(codes.indices.end(), batch->indices.begin(), batch->indices.end());
  }
  codes.skipped = int64_t(loader.corrupt().size());
  if (values.empty())
    throw std::invalid_argument(
        fmt::format("[codes] {}: none of its pictures can be read", dataset->name()));
  codes.values = concat(values, 0).eval();
  codes.labels = concat(labels, 0).eval();
  return codes;
}

}  // namespace fovea::train
