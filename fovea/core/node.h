#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "fovea/core/primitive.h"

namespace fovea {

class Storage;

// One output of a node, or a leaf. Handles share it; it keeps its producer alive until evaluated.
struct Value {
  Spec spec;
  Device device;
  std::shared_ptr<Storage> storage;  // null until evaluated
  size_t offset = 0;                 // bytes into storage
  std::shared_ptr<Node> node;        // null for a leaf, and once evaluated outside a trace
  int output = 0;
  bool weak = false;    // a scalar literal
  bool traced = false;  // a trace wants gradients through it
};

// An application of a primitive. Nodes are numbered as they are made, so the numbers are a
// topological order: every walk over the graph is a sort, and none is recursive.
struct Node {
  struct Output {
    Spec spec;
    std::weak_ptr<Value> value;        // expired when nobody holds that output
    std::shared_ptr<Storage> storage;  // kept only under a trace, for gradients that need it
    size_t offset = 0;
  };

  uint64_t id = 0;
  std::shared_ptr<const Primitive> primitive;
  std::vector<Tensor> inputs;
  std::vector<Output> outputs;
  Device device;
  bool traced = false;
  bool done = false;
  SourceLocation where;
  std::shared_ptr<const std::string> path;  // of the module that made it; may be null

  ~Node();  // iterative: a long chain does not recurse

  // A handle to output i, made anew if nobody holds one.
  static Tensor output(const std::shared_ptr<Node>& node, int i);
};

// Nodes below `roots` that have not run (or, with `through_done`, all that can be reached), by id.
std::vector<std::shared_ptr<Node>> reachable(
    std::span<const Tensor> roots, bool through_done = false);

// Names the module whose ops are being built, on this thread; nodes remember it for errors and the
// profiler.
class PathScope {
 public:
  explicit PathScope(std::string path);
  explicit PathScope(std::shared_ptr<const std::string> path);
  ~PathScope();
  PathScope(const PathScope&) = delete;
  PathScope& operator=(const PathScope&) = delete;

 private:
  std::shared_ptr<const std::string> previous_;
};
std::shared_ptr<const std::string> current_path();

// While alive, evaluated nodes that depend on `leaves` keep their inputs, so that gradients can
// still be taken through them. The scopes of vjp and value_and_grad.
class TraceScope {
 public:
  explicit TraceScope(std::span<const Tensor> leaves);
  ~TraceScope();
  TraceScope(const TraceScope&) = delete;
  TraceScope& operator=(const TraceScope&) = delete;

  static bool active();
};

}  // namespace fovea
