#pragma once

#include <mutex>
#include <optional>

#include "fovea/core/allocator.h"
#include "fovea/core/kernel.h"
#include "fovea/core/node.h"
#include "fovea/graph/freeze.h"

// The inside of a frozen plan: made in freeze.cpp, run in plan.cpp.
namespace fovea::graph {

// Where the memory of a value comes from at each run.
enum class Home : uint8_t { constant, input, result, arena };

// One value of a run. A view has the home of the value it looks into.
struct Slot {
  Spec spec;
  Home home = Home::arena;
  int root = 0;       // the slot whose memory this is; itself, if it is not a view
  size_t offset = 0;  // into the root's memory; of a root in the arena, into the arena
  Tensor constant;
};

struct Step {
  std::shared_ptr<Node> node;      // for its primitive and names; its inputs are gone
  std::optional<Prepared> kernel;  // none for a view
  std::vector<int> in, out;
};

// The memory and the handles of one run; kept for the next.
struct Instance {
  std::shared_ptr<Storage> arena;
  std::vector<Tensor> slots;
};

struct Plan::State {
  Device device;
  std::vector<Slot> slots;
  std::vector<Step> steps;
  std::vector<int> inputs, outputs;
  PlanStats stats;
  std::mutex mutex;
  std::vector<std::unique_ptr<Instance>> idle;

  Spec spec_of_all(Spec part) const;  // of a value of one part, in all parts together
  std::vector<Tensor> run_part(std::span<const Tensor> given);
  std::vector<Tensor> run_parts(std::span<const Tensor> given);
  std::unique_ptr<Instance> take();
  void give(std::unique_ptr<Instance> instance);
  void bind(Instance& instance, std::span<const Tensor> inputs) const;
};

size_t bytes_of(const Spec& s);

// A value of this shape without memory.
Tensor unbound(const Spec& spec, Device device);

}  // namespace fovea::graph
