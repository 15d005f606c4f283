#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "fovea/core/node.h"
#include "fovea/formats/onnx.h"
#include "fovea/onnx/faults.h"

// From fovea's graph to nodes of ONNX.
namespace fovea::onnx {

// Where a tensor of the graph is found in the ONNX model.
struct Named {
  std::string name;
  bool first = false;  // (N, C, H, W) there, (N, H, W, C) here
  // Its shape there, but for `first`, where that is another: the same elements in the same order.
  std::optional<Shape> shape = {};
};

class Emitter {
 public:
  // `names` of parameters that stay as they are; `batch` the extent that stands for a free one.
  Emitter(
      const Tensor& input, const std::map<const fovea::Value*, std::string>& names, int64_t batch);

  void emit(const Node& node);  // in the order of the graph
  // The finished model, whose output is called "scores".
  formats::OnnxModel finish(const Tensor& output);
  const Faults& refused() const { return refused_; }

 private:
  using Attributes = std::map<std::string, formats::OnnxAttribute>;

  std::string fresh(const std::string& stem);
  std::string add(const char* op, std::vector<std::string> inputs, Attributes attributes = {});
  std::string constant(const std::string& stem, const Tensor& t);
  std::string integers(const std::vector<int64_t>& values);
  std::string scalar(double value);
  std::string plain(const Tensor& t);   // in fovea's order
  std::string images(const Tensor& t);  // as (N, C, H, W)
  std::string filters(const Tensor& w);
  bool is_first(const Tensor& t) const;
  std::string as(const Tensor& t, bool first);  // for broadcasting beside the other's form
  void give(const Node& node, int output, const Named& named);
  void give(const Node& node, int output, const std::string& name, bool first) {
    give(node, output, Named{name, first});
  }
  const Named* find(const Tensor& t);  // in its own shape; null for what no node before gives
  std::string reshaped(const Named& from, const Shape& shape, const Shape& to);
  void refuse(std::string_view op);
  std::string plain(const Named& named);
  std::string images(const Named& named);
  std::string parameter(const Tensor& t, const char* name);
  std::string below(const char* name) const;  // the module of the node being emitted

  bool emit_convolution(const Node& node);
  bool emit_unary(const Node& node);
  bool emit_norm(const Node& node);
  bool emit_product(const Node& node);
  bool emit_binary(const Node& node);
  bool emit_pixel_mean(const Node& node);
  bool emit_reshape(const Node& node);
  bool emit_shape(const Node& node);
  bool emit_parts(const Node& node);
  bool emit_pool(const Node& node);
  bool emit_other(const Node& node);

  formats::OnnxModel model_;
  std::map<const fovea::Value*, Named> found_;
  std::map<const fovea::Value*, std::string> names_;
  std::map<std::string, int> used_;
  std::vector<Tensor> kept_;
  Faults refused_;
  std::string path_;  // of the node being emitted
  int64_t batch_;
};

formats::OnnxAttribute attribute(int64_t value);
formats::OnnxAttribute attribute(double value);
formats::OnnxAttribute attribute(const char* value);
formats::OnnxAttribute attribute(std::vector<int64_t> values);

}  // namespace fovea::onnx
