#include <cmath>

#include "fovea/onnx/emit.h"
#include "fovea/ops/conv.h"
#include "fovea/ops/elementwise.h"
#include "fovea/ops/norm.h"
#include "fovea/ops/reduce.h"
#include "fovea/ops/shape.h"
#include "fovea/ops/softmax.h"

// Convolutions, reductions and what acts on each element.
namespace fovea::onnx {

namespace {

template <class P>
const P* of(const Node& node) {
  return dynamic_cast<const P*>(node.primitive.get());
}

std::map<std::string, formats::OnnxAttribute> window(const Conv2dOptions& o, const Shape& weights) {
  return {
      {"kernel_shape", attribute({weights[1], weights[2]})},
      {"strides", attribute({o.stride[0], o.stride[1]})},
      {"dilations", attribute({o.dilation[0], o.dilation[1]})},
      {"pads", attribute({o.pad[0], o.pad[2], o.pad[1], o.pad[3]})},
      {"group", attribute(int64_t(o.groups))}};
}

const char* name_of(UnaryOp op) {
  switch (op) {
    case UnaryOp::neg:
      return "Neg";
    case UnaryOp::abs:
      return "Abs";
    case UnaryOp::sign:
      return "Sign";
    case UnaryOp::exp:
      return "Exp";
    case UnaryOp::log:
      return "Log";
    case UnaryOp::sqrt:
      return "Sqrt";
    case UnaryOp::reciprocal:
      return "Reciprocal";
    case UnaryOp::sin:
      return "Sin";
    case UnaryOp::cos:
      return "Cos";
    case UnaryOp::tanh:
      return "Tanh";
    case UnaryOp::sigmoid:
      return "Sigmoid";
    case UnaryOp::erf:
      return "Erf";
    case UnaryOp::floor:
      return "Floor";
    case UnaryOp::ceil:
      return "Ceil";
    case UnaryOp::round:
      return "Round";
    case UnaryOp::relu:
      return "Relu";
    case UnaryOp::softplus:
      return "Softplus";
    case UnaryOp::hard_swish:
      return "HardSwish";
    default:
      return nullptr;
  }
}

const char* name_of(BinaryOp op) {
  switch (op) {
    case BinaryOp::add:
      return "Add";
    case BinaryOp::sub:
      return "Sub";
    case BinaryOp::mul:
      return "Mul";
    case BinaryOp::div:
      return "Div";
    case BinaryOp::pow:
      return "Pow";
    case BinaryOp::maximum:
      return "Max";
    case BinaryOp::minimum:
      return "Min";
    default:
      return nullptr;
  }
}

}  // namespace

bool Emitter::emit_convolution(const Node& node) {
  const auto& in = node.inputs;
  if (auto* p = of<ConvFwd>(node)) {
    std::vector<std::string> inputs{images(in[0]), filters(in[1])};
    if (p->has_bias(in)) {
      inputs.push_back(parameter(in[2], "bias"));
    }
    std::string y = add("Conv", inputs, window(p->options(), in[1].shape()));
    if (p->residual()) y = add("Add", {y, images(in.back())});
    if (p->relu()) y = add("Relu", {y});
    give(node, 0, y, true);
    return true;
  }
  if (auto* p = of<ConvBwdData>(node)) {
    const Conv2dOptions& o = p->options();
    auto attributes = window(o, in[1].shape());
    std::vector<int64_t> extra;
    for (int i = 0; i < 2; ++i) {
      const auto k = size_t(i);
      const int64_t whole = o.stride[k] * (in[0].dim(i + 1) - 1) +
                            o.dilation[k] * (in[1].dim(i + 1) - 1) + 1 - o.pad[2 * k] -
                            o.pad[2 * k + 1];
      extra.push_back(node.outputs[0].spec.shape[i + 1] - whole);
    }
    attributes["output_padding"] = attribute(extra);
    give(node, 0, add("ConvTranspose", {images(in[0]), filters(in[1])}, attributes), true);
    return true;
  }
  return false;
}

bool Emitter::emit_unary(const Node& node) {
  auto* p = of<Unary>(node);
  if (!p) return false;
  const bool first = is_first(node.inputs[0]);
  const std::string x = first ? images(node.inputs[0]) : plain(node.inputs[0]);
  std::string y;
  if (const char* name = name_of(p->op()))
    y = add(name, {x});
  else if (p->op() == UnaryOp::clamp)
    y = add("Clip", {x, scalar(p->a()), scalar(p->b())});
  else if (p->op() == UnaryOp::leaky_relu)
    y = add("LeakyRelu", {x}, {{"alpha", attribute(p->a())}});
  else if (p->op() == UnaryOp::elu)
    y = add("Elu", {x}, {{"alpha", attribute(p->a())}});
  else if (p->op() == UnaryOp::square)
    y = add("Mul", {x, x});
  else if (p->op() == UnaryOp::rsqrt)
    y = add("Reciprocal", {add("Sqrt", {x})});
  else if (p->op() == UnaryOp::silu)
    y = add("Mul", {x, add("Sigmoid", {x})});
  else if (p->op() == UnaryOp::hard_sigmoid)
    y = add("HardSigmoid", {x}, {{"alpha", attribute(1.0 / 6)}, {"beta", attribute(0.5)}});
  else if (p->op() == UnaryOp::gelu)
    y =
        add("Mul",
            {add("Mul", {x, scalar(0.5)}),
             add("Add", {add("Erf", {add("Mul", {x, scalar(std::sqrt(0.5))})}), scalar(1)})});
  else
    return false;
  give(node, 0, y, first);
  return true;
}

// A sum over all pixels, with or without their axes, divided by their number.
bool Emitter::emit_pixel_mean(const Node& node) {
  const Tensor &sums = node.inputs[0], &by = node.inputs[1];
  const Node* from = sums.node().get();
  const bool flat = from && of<Reshape>(*from) && sums.rank() == 2;
  if (flat) from = from->inputs[0].node().get();
  const Reduce* sum = from ? of<Reduce>(*from) : nullptr;
  if (!sum || sum->op() != ReduceOp::sum || sum->axes() != std::vector<int>{1, 2} ||
      by.numel() != 1 || !by.is_evaluated())
    return false;
  const Tensor& x = from->inputs[0];
  if (!is_first(x) || std::abs(by.item<double>() * double(x.dim(1) * x.dim(2)) - 1) > 1e-6)
    return false;
  const std::string y = add("GlobalAveragePool", {images(x)});
  give(node, 0, flat ? add("Flatten", {y}) : y, !flat);
  return true;
}

bool Emitter::emit_binary(const Node& node) {
  auto* p = of<Binary>(node);
  const char* name = p ? name_of(p->op()) : nullptr;
  if (!name) return false;
  const Tensor &a = node.inputs[0], &b = node.inputs[1];
  const bool first = is_first(a) || is_first(b);
  if (p->op() == BinaryOp::mul && emit_pixel_mean(node)) return true;
  const std::string left = as(a, first), right = as(b, first);
  give(node, 0, add(name, {left, right}), first);
  return true;
}

bool Emitter::emit_other(const Node& node) {
  const auto& in = node.inputs;
  const bool first = !in.empty() && is_first(in[0]);
  if (auto* p = of<ScaleShift>(node)) {
    std::string y = first ? images(in[0]) : plain(in[0]);
    y = add("Add", {add("Mul", {y, as(in[1], first)}), as(in[2], first)});
    if (in.size() > 3) y = add("Add", {y, as(in[3], first)});
    if (p->relu()) y = add("Relu", {y});
    give(node, 0, y, first);
    return true;
  }
  if (auto* p = of<Softmax>(node)) {
    if (p->op() == SoftmaxOp::logsumexp) return false;
    const char* op = p->op() == SoftmaxOp::softmax ? "Softmax" : "LogSoftmax";
    const std::string x = first ? images(in[0]) : plain(in[0]);
    give(node, 0, add(op, {x}, {{"axis", attribute(int64_t(first ? 1 : -1))}}), first);
    return true;
  }
  if (auto* p = of<Reduce>(node)) {
    std::vector<int64_t> axes;
    constexpr int64_t theirs[] = {0, 2, 3, 1};
    for (int a : p->axes()) axes.push_back(first ? theirs[a] : a);
    const std::string x = first ? images(in[0]) : plain(in[0]);
    std::string y;
    if (p->op() == ReduceOp::sum)
      y = add("ReduceSum", {x, integers(axes)});
    else
      y = add(
          p->op() == ReduceOp::max ? "ReduceMax" : "ReduceMin", {x}, {{"axes", attribute(axes)}});
    give(node, 0, y, first);
    return true;
  }
  return false;
}

}  // namespace fovea::onnx
