#include "fovea/models/graph_net.h"

#include <stdexcept>

#include <fmt/format.h>

#include "fovea/core/eval.h"
#include "fovea/ops/activation.h"
#include "fovea/ops/conv.h"
#include "fovea/ops/elementwise.h"
#include "fovea/ops/join.h"
#include "fovea/ops/matmul.h"
#include "fovea/ops/norm.h"
#include "fovea/ops/pool.h"
#include "fovea/ops/reduce.h"
#include "fovea/ops/shape.h"
#include "fovea/ops/softmax.h"

namespace fovea::models {

namespace {

using formats::GraphLayer;

// One layer, of any number of inputs.
class Layer : public nn::Module {
 public:
  Layer(GraphLayer layer, const Tree& weights) : l_(std::move(layer)) {
    auto take = [&](const char* name) {
      auto found = weights.find(l_.name + "." + name);
      return found == weights.end() || !l_.has_weights() ? Tensor() : found->second;
    };
    weight_ = take("weight");
    bias_ = take("bias");
    mean_ = take("running_mean");
    var_ = take("running_var");
    if ((l_.type == "conv" || l_.type == "linear" || l_.type == "scale") && weight_.is_empty())
      fail("has no weights");
    if (l_.type == "conv") weight_ = transpose(weight_, {0, 2, 3, 1}).eval();
    if (l_.type == "batch_norm" && (mean_.is_empty() || var_.is_empty())) fail("has no statistics");
  }

  const GraphLayer& layer() const { return l_; }

  Tensor forward(const Tensor& x, nn::Ctx& ctx) const override { return apply({x}, ctx); }

  Tensor apply(const std::vector<Tensor>& in, nn::Ctx&) const {
    const Tensor& x = in[0];
    const std::string& t = l_.type;
    if (t == "conv")
      return with_relu(
          bias_.is_empty() ? conv2d(x, weight_, conv_options())
                           : conv2d(x, weight_, bias_, conv_options()));
    if (t == "linear") {
      const Tensor flat = flattened(x);
      return with_relu(bias_.is_empty() ? linear(flat, weight_) : linear(flat, weight_, bias_));
    }
    if (t == "pool") return pool(x);
    if (t == "relu") {
      const double slope = l_.option("slope", 0);
      return slope == 0 ? relu(x) : relu(x) - relu(-x) * slope;
    }
    if (t == "lrn")
      return local_response_norm(
          x,
          {.size = int(l_.option("size", 5)),
           .alpha = l_.option("alpha", 1),
           .beta = l_.option("beta", .75),
           .k = l_.option("k", 1)});
    if (t == "concat") return concat(in, -1);
    if (t == "softmax") return softmax(x, -1);
    if (t == "flatten") return flattened(x);
    if (t == "batch_norm") {
      const Tensor scale = rsqrt(var_ + l_.option("eps", 1e-5));
      const Tensor y = (x - mean_) * scale;
      if (weight_.is_empty()) return y;
      return bias_.is_empty() ? y * weight_ : y * weight_ + bias_;
    }
    if (t == "scale") return bias_.is_empty() ? x * weight_ : x * weight_ + bias_;
    if (t == "eltwise") {
      Tensor y = x;
      const auto op = int(l_.option("op", 1));
      for (size_t i = 1; i < in.size(); ++i)
        y = op == 0 ? y * in[i] : op == 1 ? y + in[i] : maximum(y, in[i]);
      return y;
    }
    return x;  // dropout in use, split, input
  }

  void visit(Visitor& v) override {
    const auto layout = l_.type == "conv" ? nn::Layout::conv : nn::Layout::plain;
    if (!weight_.is_empty()) v.param("weight", weight_, {.layout = layout, .init = {}});
    if (!bias_.is_empty()) v.param("bias", bias_);
    if (!mean_.is_empty()) v.state("running_mean", mean_);
    if (!var_.is_empty()) v.state("running_var", var_);
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw std::invalid_argument(fmt::format("[build_graph] layer \"{}\" {}", l_.name, what));
  }
  int whole(const char* key, int fallback) const { return int(l_.option(key, fallback)); }
  std::array<int, 4> pad() const {
    return {
        whole("pad_top", 0), whole("pad_bottom", 0), whole("pad_left", 0), whole("pad_right", 0)};
  }
  Conv2dOptions conv_options() const {
    return {
        .stride = {whole("stride_h", 1), whole("stride_w", 1)},
        .pad = pad(),
        .dilation = {whole("dilation_h", 1), whole("dilation_w", 1)},
        .groups = whole("groups", 1)};
  }
  Tensor with_relu(const Tensor& y) const { return l_.option("relu", 0) != 0 ? relu(y) : y; }

  Tensor pool(const Tensor& x) const {
    const bool average = l_.option("average", 0) != 0;
    if (l_.option("global", 0) != 0) return average ? global_avg_pool(x) : max(x, {1, 2});
    const Pool2dOptions o{
        .kernel = {whole("kernel_h", 1), whole("kernel_w", 1)},
        .stride = {whole("stride_h", 1), whole("stride_w", 1)},
        .pad = pad(),
        .rounding = l_.option("floor", 0) != 0 ? Rounding::floor : Rounding::ceil,
        .count_include_pad = l_.option("without_pad", 0) == 0};
    return average ? avg_pool2d(x, o) : max_pool2d(x, o);
  }

  // (N, H, W, C) -> (N, C H W), the order in which these files count.
  static Tensor flattened(const Tensor& x) {
    return x.rank() == 4 ? flatten(transpose(x, {0, 3, 1, 2})) : flatten(x);
  }

  GraphLayer l_;
  Tensor weight_, bias_, mean_, var_;
};

class GraphNet : public nn::Module {
 public:
  explicit GraphNet(const formats::LayerGraph& graph) {
    for (const GraphLayer& l : graph.layers) {
      if (l.type != "input" && l.inputs.empty())
        throw std::invalid_argument(fmt::format("[build_graph] layer \"{}\" has no input", l.name));
      if (l.outputs.empty())
        throw std::invalid_argument(
            fmt::format("[build_graph] layer \"{}\" has no output", l.name));
      layers_.emplace_back(l, graph.weights);
    }
    while (!layers_.empty() && layers_.back().layer().type == "softmax") layers_.pop_back();
    if (layers_.empty()) throw std::invalid_argument("[build_graph] expected at least one layer");
  }

  Tensor forward(const Tensor& x, nn::Ctx& ctx) const override {
    std::map<std::string, Tensor> values;
    Tensor last = x;
    for (const Layer& layer : layers_) {
      const GraphLayer& l = layer.layer();
      std::vector<Tensor> in;
      for (const std::string& name : l.inputs) {
        auto found = values.find(name);
        if (found == values.end())
          throw std::invalid_argument(fmt::format(
              "layer \"{}\" reads \"{}\", which no layer before it gives", l.name, name));
        in.push_back(found->second);
      }
      if (l.type == "input") in = {x};
      last = ctx.within(l.name, [&] { return layer.apply(in, ctx); });
      for (const std::string& name : l.outputs) values[name] = last;
    }
    return last;
  }
  void visit(Visitor& v) override {
    for (Layer& layer : layers_) v.child(layer.layer().name, layer);
  }

 private:
  std::vector<Layer> layers_;
};

}  // namespace

std::unique_ptr<nn::Module> build_graph(const formats::LayerGraph& graph) {
  return std::make_unique<GraphNet>(graph);
}

}  // namespace fovea::models
