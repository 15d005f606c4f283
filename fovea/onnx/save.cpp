#include "fovea/onnx/save.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "fovea/core/atomic_file.h"
#include "fovea/core/eval.h"
#include "fovea/graph/fuse.h"
#include "fovea/graph/merge.h"
#include "fovea/graph/plan_state.h"
#include "fovea/onnx/emit.h"
#include "fovea/onnx/graph.h"
#include "fovea/ops/random.h"

namespace fovea::onnx {

namespace {

// The graph of a forward pass, with constants folded and batch norm in the convolutions, as nodes.
formats::OnnxModel emit(const models::Model& model) {
  constexpr int64_t batch = 3;
  EvalModeScope lazy(EvalMode::lazy);
  const Shape& image = model.architecture.input;
  const Tensor input =
      graph::unbound({{batch, image[0], image[1], image[2]}, Dtype::f32}, default_device());
  nn::Ctx ctx;
  std::vector<Tensor> out{nn::forward(*model.net, input, ctx)};
  graph::fold_constants(out, {&input, 1});
  graph::merge_equal(out);
  graph::fuse(out);

  std::map<const fovea::Value*, std::string> names;
  for (const auto& [name, t] : nn::parameters(*model.net)) names[t.value().get()] = name;
  Emitter emitter(input, names, batch);
  for (const auto& node : reachable(out)) emitter.emit(*node);
  formats::OnnxModel onnx = emitter.finish(out[0]);
  if (!emitter.refused().empty())
    throw UnsupportedError(fmt::format("cannot be written as ONNX: {}", emitter.refused().str()));
  onnx.metadata["classes"] = nlohmann::json(model.classes).dump();
  onnx.metadata["preprocess"] = model.preprocess.to_json();
  return onnx;
}

// The largest difference of scores on noise, over the largest score; infinite where one of them is
// not finite.
double compare(const models::Model& model, const Graph& graph) {
  const Shape& image = model.architecture.input;
  const Tensor x = random_normal({2, image[0], image[1], image[2]}, Key{17});
  nn::Ctx ctx, their_ctx;
  const auto ours = nn::forward(*model.net, x, ctx).to_doubles();
  const auto theirs = nn::forward(graph, x, their_ctx).to_doubles();
  if (ours.size() != theirs.size())
    throw std::logic_error("the network written as ONNX gives another number of scores");
  double largest = 1e-12, difference = 0;
  for (size_t i = 0; i < ours.size(); ++i) {
    if (!std::isfinite(ours[i]) || !std::isfinite(theirs[i]))
      return std::numeric_limits<double>::infinity();
    largest = std::max(largest, std::abs(ours[i]));
    difference = std::max(difference, std::abs(ours[i] - theirs[i]));
  }
  return difference / largest;
}

}  // namespace

SaveReport save(const models::Model& model, const std::string& path, const SaveOptions& o) {
  const formats::OnnxModel onnx = emit(model);
  const std::string bytes = formats::onnx_bytes(onnx);
  const auto again = parse(std::as_bytes(std::span(bytes)), path);
  const SaveReport report{int(onnx.nodes.size()), compare(model, *again)};
  if (!std::isfinite(report.difference))
    throw std::runtime_error(fmt::format(
        "{}: not written; scores of the network on noise are not finite: does it hold weights that "
        "are NaN or infinite, as of a training that diverged?",
        path));
  if (!(report.difference <= o.tolerance))
    throw std::runtime_error(fmt::format(
        "{}: not written; scores of the network as ONNX differ by {:.2g} of the largest, more than "
        "{:.2g}",
        path,
        report.difference,
        o.tolerance));
  write_file_atomic(path, bytes);
  return report;
}

}  // namespace fovea::onnx
