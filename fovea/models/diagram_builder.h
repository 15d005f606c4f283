#pragma once

#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "fovea/core/node.h"
#include "fovea/models/diagram.h"

// The parts of a network's diagram that do not depend on which op is read.
namespace fovea::models {

template <class P>
const P* as(const Node& node) {
  return dynamic_cast<const P*>(node.primitive.get());
}

std::string path_of(const Node& node);

// Whether a node computes nothing, such as a reshape.
bool rearranges(const Node& node);

// Layers in the making: what diagram() does to them whatever the op.
class DiagramBuilder {
 public:
  DiagramBuilder(const Tree& parameters, const Tensor& x);

  // Counts who reads what, and returns the nodes that depend on the picture, in their order.
  std::vector<const Node*> depending(std::span<const std::shared_ptr<Node>> nodes);
  std::vector<DiagramLayer> finish();

  bool known(const Tensor& t) const { return at_.contains(t.node().get()); }
  size_t number(const Tensor& t) const {
    return at_.at(t.node().get());
  }  // of the layer that gives t
  DiagramLayer& operator[](size_t number) { return layers_[number]; }
  bool alone(const Tensor& t) const;  // whether one node reads it

  size_t add(DiagramLayer::Kind kind, std::string op, std::vector<size_t> inputs);
  void enter(const Node& node, size_t number);  // makes it part of that layer
  size_t attach(const Tensor& x, const DiagramStep& step);
  size_t activate(size_t number, bool relu);
  size_t join(DiagramLayer::Kind kind, const Tensor& a, const Tensor& b);

 private:
  struct Use {
    int readers = 0;
    bool shared = false;  // the value that this one only rearranges has several readers
  };

  void join_forward();

  std::map<std::string, int64_t> owned_;  // parameters of a module itself, until a layer takes them
  std::vector<DiagramLayer> layers_;
  std::unordered_map<const Node*, size_t> at_;  // the layer that holds what a node gives
  std::unordered_map<const Node*, Use> uses_;
  std::set<size_t> dead_;
};

}  // namespace fovea::models
