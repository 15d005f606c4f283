#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include "fovea/models/architecture.h"
#include "fovea/onnx/graph.h"
#include "fovea/onnx/head.h"

// Networks from the graph that an architecture holds, its weights being elsewhere.
namespace fovea::models {

namespace {

using formats::OnnxModel;
using formats::OnnxNode;
using Weight = std::pair<std::string, Tensor>;

[[noreturn]] void fail(const std::string& what) { throw std::invalid_argument("[onnx] " + what); }

// The inputs behind the picture as weights without values.
void hold_weights(OnnxModel& m) {
  for (size_t i = 1; i < m.inputs.size(); ++i) {
    const formats::OnnxValue& v = m.inputs[i];
    Shape shape;
    if (!v.shape || v.shape->size() > size_t(Shape::max_rank) || v.dtype != Dtype::f32)
      fail(fmt::format("weight \"{}\": expected f32 of a known shape", v.name));
    for (int64_t extent : *v.shape) {
      if (extent < 0 ||
          (extent > 0 && shape.numel() > std::numeric_limits<int32_t>::max() / extent))
        fail(fmt::format("weight \"{}\" has an extent of {}", v.name, extent));
      shape.push_back(extent);
    }
    m.initializers.emplace_back(v.name, nn::shaped(shape));
  }
  m.inputs.resize(1);
}

// For grey pictures: convolutions of the colours, whose weights have one channel then.
void make_grey(OnnxModel& m) {
  for (const OnnxNode& node : m.nodes)
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      if (node.inputs[i] != m.inputs[0].name) continue;
      const auto group = node.attributes.find("group");
      const bool whole = group == node.attributes.end() || group->second.integer == 1;
      auto weight = node.op == "Conv" && i == 0 && node.inputs.size() > 1 && whole
                        ? std::ranges::find(m.initializers, node.inputs[1], &Weight::first)
                        : m.initializers.end();
      if (weight == m.initializers.end() || weight->second.rank() != 4)
        fail(fmt::format("cannot be made for grey pictures: {} reads the colours", node.str()));
      Shape shape = weight->second.shape();
      shape[1] = 1;
      weight->second = nn::shaped(shape);
    }
}

void set_input(OnnxModel& m, const Shape& image) {
  formats::OnnxValue& x = m.inputs[0];
  if (!x.shape || x.shape->size() != 4) fail("expected a graph of pictures (N, C, H, W)");
  std::vector<int64_t>& extents = *x.shape;
  if (extents[1] == 3 && image[2] == 1)
    make_grey(m);
  else if (extents[1] != image[2])
    fail(fmt::format("expected pictures of {} channels, got {}", extents[1], image[2]));
  extents = {extents[0], image[2], image[0], image[1]};
}

}  // namespace

std::unique_ptr<nn::Module> build_onnx(const Architecture& a) {
  if (a.graph.empty()) fail("the architecture holds no graph");
  OnnxModel m = formats::parse_onnx(std::as_bytes(std::span(a.graph)), "the graph");
  if (m.inputs.empty() || m.outputs.size() != 1)
    fail("expected a graph of one input and one output");
  hold_weights(m);
  set_input(m, a.input);
  const auto& scores = m.outputs[0].shape;
  const bool other_classes = !scores || scores->size() != 2 || (*scores)[1] != a.classes;
  if (other_classes || a.linear_head) {
    std::string why;
    const auto head = onnx::find_head(m, &why);
    if (!head)
      fail(fmt::format(
          "the head cannot be replaced: expected a layer (Gemm, MatMul, Conv) that gives the "
          "scores of the classes, but {}",
          why));
    if (other_classes || !head->plain) onnx::replace_head(m, *head, a.classes);
  }
  return onnx::build(std::move(m), "the graph");
}

}  // namespace fovea::models
