#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "fovea/onnx/call.h"
#include "fovea/onnx/faults.h"
#include "fovea/onnx/graph.h"

namespace fovea::onnx {

// One pass over the nodes of a graph.
class Graph::Runner {
 public:
  Runner(const Graph& graph, nn::Ctx& ctx);

  void set(const std::string& name, Value value) { values_[name] = std::move(value); }
  void run();
  // Runs what can be run without the values of the inputs; says which forms of operators are not
  // supported.
  Faults dry_run();
  const Value& at(const std::string& name) const;

 private:
  void run(size_t node, bool dry);
  bool is_frozen(const std::string& module) const;

  const Graph& graph_;
  nn::Ctx& ctx_;
  std::map<std::string, Value> values_;
};

}  // namespace fovea::onnx
