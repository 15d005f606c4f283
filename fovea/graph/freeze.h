#pragma once

#include <memory>
#include <string>
#include <vector>

#include "fovea/autograd/transforms.h"
#include "fovea/core/primitive.h"

namespace fovea::graph {

// How much a plan has left of the graph it came from.
struct PlanStats {
  int steps = 0;            // kernels and views per run
  int folded = 0;           // nodes evaluated once and for all
  int merged = 0;           // nodes that computed what another did
  int fused = 0;            // nodes that became part of a convolution or a scale and shift
  int64_t parts = 1;        // that a run is cut into, one after another
  size_t arena_bytes = 0;   // of all intermediate results of a run, or of a part
  size_t sum_bytes = 0;     // what they would take without sharing
  bool one_thread = false;  // a run, or a part, is too short to be shared by several
};

// A computation whose shapes and constants stay as they are, made ready to run many times:
// constants folded, batch norm and activations inside the convolutions, weights packed once, and
// intermediate results in one arena. Immutable; any number of threads may run it at once, each in
// an arena of its own. No gradients can be taken through it.
class Plan {
 public:
  // Inputs of the shapes and dtypes that were frozen; throws naming what was expected. The results
  // are memory of their own.
  std::vector<Tensor> run(std::span<const Tensor> inputs) const;
  Tensor run(const Tensor& input) const { return run(std::span(&input, 1))[0]; }

  const PlanStats& stats() const;

  // One line a step, with the place of its result in the arena.
  std::string str() const;

  struct State;  // see plan_state.h
  explicit Plan(std::shared_ptr<State> state) : state_(std::move(state)) {}

 private:
  std::shared_ptr<State> state_;
};

// The plan of f for inputs of these shapes. f is called once, with tensors that have no values yet,
// so it must not read them.
Plan freeze(const Fn& f, std::span<const Spec> inputs, Device device = default_device());

// The same for an f of pictures that do not depend on each other, the first axis of all inputs and
// results. Where few weights meet intermediate results too large for the cache, a run is cut into
// parts of some pictures each (plan_parts.h). f is called once or twice.
Plan freeze_batch(const Fn& f, std::span<const Spec> inputs, Device device = default_device());

}  // namespace fovea::graph
