#include "fovea/models/summary.h"

#include "fovea/core/node.h"

namespace fovea::models {

namespace {

// Parameters of the module at `path` itself or below it.
int64_t parameters_below(const Tree& params, const std::string& path) {
  int64_t n = 0;
  for (const auto& [name, t] : params)
    if (name.starts_with(path + ".")) n += t.numel();
  return n;
}

}  // namespace

Summary summarize(nn::Module& m, const Shape& input) {
  nn::Ctx ctx;
  Tree params = nn::parameters(m);
  Tensor x = nn::shaped({1, input.dim(0), input.dim(1), input.dim(2)});
  Tensor y = nn::forward(m, x, ctx);

  Summary s;
  for (const auto& node : reachable(std::span(&y, 1))) {
    if (!node->path || node->path->empty()) continue;  // what made the input and the parameters
    bool same_layer = !s.layers.empty() && s.layers.back().path == *node->path;
    if (!same_layer) {
      s.layers.emplace_back();
      s.layers.back().path = *node->path;
      s.layers.back().parameters = parameters_below(params, *node->path);
    }
    LayerRow& row = s.layers.back();
    std::vector<Tensor> outputs;
    for (size_t i = 0; i < node->outputs.size(); ++i) outputs.push_back(Node::output(node, int(i)));
    if (node->primitive->kind() == Kind::heavy)
      row.macs += node->primitive->cost(node->inputs, outputs).flops / 2;
    std::string op(node->primitive->name());
    if (!same_layer || node->primitive->kind() == Kind::heavy) row.op = op;
    row.output = outputs[0].shape();
    row.values = row.output.numel();
  }
  for (const LayerRow& row : s.layers) {
    s.values += row.values;
    s.macs += row.macs;
  }
  s.parameters = numel_of(params);
  return s;
}

}  // namespace fovea::models
