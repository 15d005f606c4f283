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

// A network read from an ONNX file. Weights are parameters under the file's names, so it can be
// trained further and explained; the statistics of batch norm are state. Images pass between
// convolutions as (N, H, W, C), whatever the file says, and are turned only where an operator needs
// its own order. What a node gives can be tapped under the name of the value, and the first output
// also under that of the node.
class Graph : public nn::Module {
 public:
  // Throws UnsupportedError, or std::invalid_argument for a graph that is not sound: inputs that
  // nothing makes, or shapes that do not fit.
  explicit Graph(formats::OnnxModel model);
  ~Graph() override;

  // One input and one output, of rank 4 given and taken as (N, H, W, C); others as they are.
  Tensor forward(const Tensor& x, nn::Ctx& ctx) const override;
  void visit(Visitor& v) override;

  // All inputs and outputs in the file's own layout, (N, C, H, W) for images.
  std::vector<Tensor> run(std::span<const Tensor> inputs, nn::Ctx& ctx) const;
  std::vector<Tensor> run(std::span<const Tensor> inputs) const;

  const std::vector<formats::OnnxNode>& nodes() const { return model_.nodes; }
  const std::vector<formats::OnnxValue>& inputs() const { return model_.inputs; }
  const std::vector<formats::OnnxValue>& outputs() const { return model_.outputs; }
  const std::map<std::string, std::string>& metadata() const { return model_.metadata; }

 private:
  enum class Role : unsigned char { constant, param, state };
  struct Held {
    std::string name;
    Tensor tensor;
    Role role = Role::constant;
    bool last = false;  // kept as (O, kh, kw, I)
  };
  class Runner;

  void hold_constants();
  void assign_roles();
  void check() const;

  formats::OnnxModel model_;
  std::vector<Held> held_;
};

// Throw IoError for what is not a whole model, and UnsupportedError.
std::unique_ptr<Graph> load(const std::string& path);
std::unique_ptr<Graph> parse(std::span<const std::byte> bytes, const std::string& name);
std::unique_ptr<Graph> build(formats::OnnxModel model, const std::string& name);

}  // namespace fovea::onnx
