#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "fovea/formats/onnx.h"
#include "fovea/nn/module.h"

// Networks from ONNX files, run by fovea's own ops.
namespace fovea::onnx {

// A file asks for what fovea does not do. The message lists all that was found, each by name.
class UnsupportedError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Whether the file has pictures of 1 or 3 channels as (N, H, W, C), as exports of TensorFlow do.
bool channels_last(const formats::OnnxValue& input);

// A network read from an ONNX file. Weights are parameters, so it can be trained further and
// explained; the statistics of batch norm are state. Each node with weights is a module, and theirs
// are the names weight, bias, running_mean and running_var below it: "layer1.0.conv1.weight" as
// PyTorch's files have them, or after the node where the file calls its weights otherwise. A node
// runs as frozen (nn::Ctx) with the last module before it. Images pass between convolutions as
// (N, H, W, C), whatever the file says, and are turned only where an operator needs its own order.
// What a node gives can be tapped under the name of the value, and the first output also under that
// of the node and of its module; what a module is given under MODULE.input.
class Graph : public nn::Module {
 public:
  // Throws UnsupportedError, or std::invalid_argument for a graph that is not sound: inputs that
  // nothing makes, or shapes that do not fit.
  explicit Graph(formats::OnnxModel model);
  ~Graph() override;

  // One input and one output, of rank 4 given and taken as (N, H, W, C); others as they are. Where
  // the graph itself has channels_last() pictures, its output is taken as it is, too.
  Tensor forward(const Tensor& x, nn::Ctx& ctx) const override;
  void visit(Visitor& v) override;

  // All inputs and outputs in the file's own layout, (N, C, H, W) for images.
  std::vector<Tensor> run(std::span<const Tensor> inputs, nn::Ctx& ctx) const;
  std::vector<Tensor> run(std::span<const Tensor> inputs) const;

  const std::vector<formats::OnnxNode>& nodes() const { return model_.nodes; }
  const std::vector<formats::OnnxValue>& inputs() const { return model_.inputs; }
  const std::vector<formats::OnnxValue>& outputs() const { return model_.outputs; }
  const std::map<std::string, std::string>& metadata() const { return model_.metadata; }

  // The graph with its weights as inputs behind its own, under their names here: what stays of a
  // file when the weights are kept elsewhere. Without metadata.
  formats::OnnxModel without_weights() const;

 private:
  enum class Role : unsigned char { constant, param, state };
  struct Held {
    std::string name;
    Tensor tensor;
    Role role = Role::constant;
    bool last = false;  // kept as (O, kh, kw, I)
  };
  struct Place {
    std::string path;   // of the module that a node is
    std::string owner;  // the same for a node with weights, else that of the one before it
  };
  class Runner;

  void hold_constants();
  void assign_roles();
  void name_modules();
  void check() const;

  formats::OnnxModel model_;
  std::vector<Held> held_;
  std::vector<Place> places_;  // of each node
};

// Throw IoError for what is not a whole model, and UnsupportedError.
std::unique_ptr<Graph> load(const std::string& path);
std::unique_ptr<Graph> parse(std::span<const std::byte> bytes, const std::string& name);
std::unique_ptr<Graph> build(formats::OnnxModel model, const std::string& name);

}  // namespace fovea::onnx
