#include "fovea/onnx/emit.h"
#include "fovea/ops/create.h"
#include "fovea/ops/matmul.h"
#include "fovea/ops/norm.h"
#include "fovea/ops/shape.h"

// Layers over features: norms and matrix products.
namespace fovea::onnx {

namespace {

template <class P>
const P* of(const Node& node) {
  return dynamic_cast<const P*>(node.primitive.get());
}

std::vector<int64_t> swapped(int rank) {
  std::vector<int64_t> perm;
  for (int i = 0; i < rank; ++i) perm.push_back(i);
  std::swap(perm[size_t(rank) - 2], perm[size_t(rank) - 1]);
  return perm;
}

}  // namespace

// Layer norm, and group and instance norm of images. The op works on a view (N, S, C) of x, which
// is read behind the reshape to it.
bool Emitter::emit_norm(const Node& node) {
  auto* p = of<GroupNorm>(node);
  if (!p) return false;
  const Tensor &view = node.inputs[0], &gamma = node.inputs[1], &beta = node.inputs[2];
  const Node* before = view.node().get();
  const Tensor& x = before && of<Reshape>(*before) ? before->inputs[0] : view;
  auto it = found_.find(x.value().get());
  if (it == found_.end() || it->second.shape) return false;
  const Named from = it->second;
  const int64_t channels = view.dim(2);
  const auto eps = attribute(p->eps());
  if (x.rank() < 2 || x.dim(-1) != channels || x.dim(0) != batch_ || view.dim(0) % batch_ != 0)
    return false;
  if (view.dim(1) == 1 && p->groups() == 1) {
    const std::string y =
        add("LayerNormalization",
            {plain(from), parameter(gamma, "weight"), parameter(beta, "bias")},
            {{"axis", attribute(int64_t{-1})}, {"epsilon", eps}});
    give(node, 0, Named{y, false, x.shape()});
    return true;
  }
  if (x.rank() != 4 || x.dim(0) != view.dim(0)) return false;
  std::string y = images(from);
  if (p->groups() == channels) {
    y =
        add("InstanceNormalization",
            {y, parameter(gamma, "weight"), parameter(beta, "bias")},
            {{"epsilon", eps}});
  } else {
    // A group as one channel of a row, (N, groups, C / groups H W).
    y = add("Reshape", {y, integers({0, p->groups(), -1})});
    y =
        add("InstanceNormalization",
            {y,
             constant(below("ones"), ones({p->groups()})),
             constant(below("zeros"), zeros({p->groups()}))},
            {{"epsilon", eps}});
    y = add("Reshape", {y, integers({0, channels, x.dim(1), x.dim(2)})});
    const Shape row{channels, 1, 1};
    y = add("Mul", {y, constant(below("weight"), reshape(gamma, row))});
    y = add("Add", {y, constant(below("bias"), reshape(beta, row))});
  }
  give(node, 0, Named{y, true, x.shape()});
  return true;
}

bool Emitter::emit_product(const Node& node) {
  auto* p = of<Matmul>(node);
  if (!p) return false;
  const auto& in = node.inputs;
  const MatmulOptions& o = p->options();
  if (in[0].rank() == 2 && in[1].rank() == 2) {
    std::vector<std::string> inputs;
    for (const Tensor& t : in) inputs.push_back(plain(t));
    give(
        node,
        0,
        add("Gemm",
            inputs,
            {{"transA", attribute(int64_t(o.transpose_a))},
             {"transB", attribute(int64_t(o.transpose_b))}}),
        false);
    return true;
  }
  std::string a = plain(in[0]), b = plain(in[1]);
  if (o.transpose_a) a = add("Transpose", {a}, {{"perm", attribute(swapped(in[0].rank()))}});
  if (o.transpose_b) b = add("Transpose", {b}, {{"perm", attribute(swapped(in[1].rank()))}});
  std::string y = add("MatMul", {a, b});
  if (in.size() > 2) y = add("Add", {y, plain(in[2])});
  give(node, 0, y, false);
  return true;
}

}  // namespace fovea::onnx
