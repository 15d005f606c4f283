#include "fovea/graph/freeze.h"

#include <algorithm>
#include <map>

#include "fovea/core/errors.h"
#include "fovea/core/eval.h"
#include "fovea/core/one_thread.h"
#include "fovea/graph/fuse.h"
#include "fovea/graph/memory_plan.h"
#include "fovea/graph/merge.h"
#include "fovea/graph/plan_parts.h"
#include "fovea/graph/plan_state.h"

namespace fovea::graph {

namespace {

// A run of less work than this, about a tenth of a millisecond of one processor, stays on one
// thread: it is made of steps of a few microseconds, which gain less by a second thread than it
// takes to wake one, and no run then waits for a thread that the system has put to sleep.
bool is_small(const Cost& work) { return work.flops < 2e6 && work.bytes < 2e6; }

class Builder {
 public:
  Builder(Plan::State& plan, std::span<const Tensor> inputs, std::span<const Tensor> outputs);

 private:
  using Place = std::pair<const void*, int>;
  static Place place_of(const Tensor& t) {
    return t.node() ? Place{t.node().get(), t.value()->output} : Place{t.value().get(), -1};
  }

  int slot_of(const Tensor& t);
  int add_slot(const Place& place, Slot slot);
  void add_step(const std::shared_ptr<Node>& node);
  void prepare();
  void place_results();
  int taken_over(const Step& step, int out, const std::vector<int>& last_use) const;

  Plan::State& plan_;
  std::map<Place, int> slots_;
  Cost work_;                 // of a run
  std::vector<Tensor> kept_;  // so that places stay unique
};

Builder::Builder(Plan::State& plan, std::span<const Tensor> inputs, std::span<const Tensor> outputs)
    : plan_(plan) {
  for (const Tensor& t : inputs) {
    kept_.push_back(t);
    plan_.inputs.push_back(add_slot(place_of(t), {{t.shape(), t.dtype()}, Home::input, 0, 0, {}}));
  }
  for (const auto& node : reachable(outputs)) add_step(node);
  for (const Tensor& t : outputs) {
    const int slot = slot_of(t);
    plan_.outputs.push_back(slot);
    Slot& root = plan_.slots[size_t(plan_.slots[size_t(slot)].root)];
    if (root.home == Home::arena) root.home = Home::result;
  }
  for (Slot& slot : plan_.slots) slot.home = plan_.slots[size_t(slot.root)].home;
  plan_.stats.one_thread = is_small(work_);
  {
    OneThreadScope scope(plan_.stats.one_thread);
    prepare();
  }
  place_results();
  plan_.stats.steps = int(plan_.steps.size());
}

int Builder::add_slot(const Place& place, Slot slot) {
  const int i = int(plan_.slots.size());
  if (slot.home != Home::arena || slot.root < 0) slot.root = i;
  slots_[place] = i;
  plan_.slots.push_back(std::move(slot));
  return i;
}

int Builder::slot_of(const Tensor& t) {
  if (auto it = slots_.find(place_of(t)); it != slots_.end()) return it->second;
  FOVEA_ASSERT(t.is_evaluated());
  kept_.push_back(t);
  return add_slot(place_of(t), {{t.shape(), t.dtype()}, Home::constant, 0, 0, t});
}

void Builder::add_step(const std::shared_ptr<Node>& node) {
  Step step{.node = node, .kernel = {}, .in = {}, .out = {}};
  std::vector<Tensor> results;
  for (const Tensor& t : node->inputs) step.in.push_back(slot_of(t));
  for (size_t i = 0; i < node->outputs.size(); ++i) {
    Slot slot{node->outputs[i].spec, Home::arena, -1, 0, {}};
    if (node->primitive->kind() == Kind::view) {
      const Primitive::View view = node->primitive->view(int(i), node->inputs);
      const Slot& source = plan_.slots[size_t(step.in[size_t(view.input)])];
      slot.root = source.root;
      slot.offset = source.offset + view.offset;
    }
    results.push_back(unbound(slot.spec, plan_.device));
    step.out.push_back(add_slot({node.get(), int(i)}, slot));
  }
  if (node->primitive->kind() != Kind::view) {
    const Cost cost = node->primitive->cost(node->inputs, results);
    work_.flops += cost.flops;
    work_.bytes += cost.bytes;
  }
  plan_.steps.push_back(std::move(step));
}

// Lets every kernel do once what it can, and drops constants as soon as nobody reads them any more:
// weights and their packed copies are not all in memory at once.
void Builder::prepare() {
  kept_.clear();
  std::vector<int> readers(plan_.slots.size());
  for (int i : plan_.outputs) ++readers[size_t(plan_.slots[size_t(i)].root)];
  for (const Step& step : plan_.steps)
    for (int i : step.in) ++readers[size_t(i)];
  for (Step& step : plan_.steps) {
    std::vector<Tensor> in;
    for (int i : step.in) {
      const Slot& slot = plan_.slots[size_t(i)];
      in.push_back(slot.constant.is_empty() ? unbound(slot.spec, plan_.device) : slot.constant);
    }
    step.node->inputs.clear();
    if (step.node->primitive->kind() == Kind::view) continue;
    step.kernel = kernels().prepare(*step.node->primitive, in, step.node->device.kind);
    for (int i : step.kernel->packed) {
      const int at = step.in[size_t(i)];
      Slot& slot = plan_.slots[size_t(at)];
      if (--readers[size_t(at)] == 0) slot.constant = unbound(slot.spec, plan_.device);
    }
  }
}

// The root in the arena whose memory output `out` of a step may have: a value that ends there.
int Builder::taken_over(const Step& step, int out, const std::vector<int>& last_use) const {
  const int now = &step - plan_.steps.data();
  std::vector<Tensor> in;
  for (int i : step.in) in.push_back(unbound(plan_.slots[size_t(i)].spec, plan_.device));
  for (size_t i = 0; i < step.in.size(); ++i) {
    const Slot& from = plan_.slots[size_t(step.in[i])];
    auto shares = [&](int j) { return plan_.slots[size_t(j)].root == from.root; };
    if (from.home == Home::arena && last_use[size_t(from.root)] == now &&
        from.spec == plan_.slots[size_t(out)].spec &&
        bytes_of(from.spec) == bytes_of(plan_.slots[size_t(from.root)].spec) &&
        std::count_if(step.in.begin(), step.in.end(), shares) == 1 &&
        step.node->primitive->may_overwrite(in, int(i)))
      return from.root;
  }
  return -1;
}

void Builder::place_results() {
  auto in_arena = [&](int slot) { return plan_.slots[size_t(slot)].home == Home::arena; };
  auto root_of = [&](int slot) { return plan_.slots[size_t(slot)].root; };
  std::vector<int> last_use(plan_.slots.size(), -1), buffer_of(plan_.slots.size(), -1);
  for (size_t s = 0; s < plan_.steps.size(); ++s) {
    for (int i : plan_.steps[s].in) last_use[size_t(root_of(i))] = int(s);
    for (int i : plan_.steps[s].out) last_use[size_t(root_of(i))] = int(s);
  }
  std::vector<Lifetime> buffers;
  for (size_t s = 0; s < plan_.steps.size(); ++s)
    for (int i : plan_.steps[s].out) {
      if (!in_arena(i) || root_of(i) != i) continue;
      const int from = taken_over(plan_.steps[s], i, last_use);
      const int last = last_use[size_t(i)];
      if (from >= 0) {
        buffer_of[size_t(i)] = buffer_of[size_t(from)];
        buffers[size_t(buffer_of[size_t(i)])].last = last;
        last_use[size_t(from)] = -1;  // taken
      } else {
        buffer_of[size_t(i)] = int(buffers.size());
        buffers.push_back({bytes_of(plan_.slots[size_t(i)].spec), int(s), last});
      }
      plan_.stats.sum_bytes += bytes_of(plan_.slots[size_t(i)].spec);
    }
  const MemoryPlan memory = place_buffers(buffers);
  plan_.stats.arena_bytes = memory.bytes;
  for (size_t i = 0; i < plan_.slots.size(); ++i)
    if (buffer_of[i] >= 0) plan_.slots[i].offset = memory.offsets[size_t(buffer_of[i])];
  for (size_t i = 0; i < plan_.slots.size(); ++i)
    if (in_arena(int(i)) && root_of(int(i)) != int(i))
      plan_.slots[i].offset += plan_.slots[size_t(root_of(int(i)))].offset;
}

// What f computes, nothing of which has run.
struct Traced {
  std::vector<Tensor> in, out;

  Traced(const Fn& f, std::span<const Spec> inputs, Device device) {
    for (const Spec& spec : inputs) in.push_back(unbound(spec, device));
    out = f(in);
  }
};

Plan build(Traced graph, int64_t parts, Device device) {
  auto state = std::make_shared<Plan::State>();
  state->device = device;
  state->stats.parts = parts;
  state->stats.folded = fold_constants(graph.out, graph.in);
  state->stats.merged = merge_equal(graph.out);
  state->stats.fused = fuse(graph.out);
  Builder(*state, graph.in, graph.out);
  return Plan(std::move(state));
}

Spec with_pictures(Spec s, int64_t n) {
  s.shape[0] = n;
  return s;
}

// Whether the results of a part are those of the whole but for the number of pictures.
bool is_part(const Traced& part, const Traced& whole) {
  const int64_t some = part.in[0].dim(0), all = whole.in[0].dim(0);
  auto spec_of = [](const Tensor& t) { return Spec{t.shape(), t.dtype()}; };
  return std::ranges::equal(part.out, whole.out, [&](const Tensor& a, const Tensor& b) {
    return a.rank() > 0 && b.rank() > 0 && a.dim(0) == some && b.dim(0) == all &&
           with_pictures(spec_of(a), all) == spec_of(b);
  });
}

}  // namespace

Plan freeze(const Fn& f, std::span<const Spec> inputs, Device device) {
  EvalModeScope lazy(EvalMode::lazy);
  DeviceScope scope(device);
  return build(Traced(f, inputs, device), 1, device);
}

Plan freeze_batch(const Fn& f, std::span<const Spec> inputs, Device device) {
  if (inputs.empty()) return freeze(f, inputs, device);
  EvalModeScope lazy(EvalMode::lazy);
  DeviceScope scope(device);
  Traced whole(f, inputs, device);
  const int64_t part = pictures_at_once(whole.out, whole.in);
  if (inputs[0].shape.rank() > 0 && part < inputs[0].shape[0]) {
    std::vector<Spec> fewer;
    for (const Spec& spec : inputs) fewer.push_back(with_pictures(spec, part));
    Traced some(f, fewer, device);
    if (is_part(some, whole)) return build(std::move(some), inputs[0].shape[0] / part, device);
  }
  return build(std::move(whole), 1, device);
}

}  // namespace fovea::graph
