#include <cstring>

#include <fmt/format.h>

#include "fovea/core/one_thread.h"
#include "fovea/core/run_kernel.h"
#include "fovea/graph/plan_state.h"

namespace fovea::graph {

namespace {

Tensor in_memory(const Spec& spec, Device device, std::shared_ptr<Storage> storage, size_t offset) {
  Tensor t = unbound(spec, device);
  t.value()->storage = std::move(storage);
  t.value()->offset = offset;
  return t;
}

}  // namespace

size_t bytes_of(const Spec& s) { return size_t(s.shape.numel()) * size_of(s.dtype); }

Tensor unbound(const Spec& spec, Device device) {
  auto value = std::make_shared<Value>();
  value->spec = spec;
  value->device = device;
  return Tensor(std::move(value));
}

Spec Plan::State::spec_of_all(Spec part) const {
  if (stats.parts > 1) part.shape[0] *= stats.parts;
  return part;
}

std::unique_ptr<Instance> Plan::State::take() {
  {
    std::lock_guard lock(mutex);
    if (!idle.empty()) {
      auto instance = std::move(idle.back());
      idle.pop_back();
      return instance;
    }
  }
  auto instance = std::make_unique<Instance>();
  instance->arena = std::make_shared<Storage>(stats.arena_bytes, device);
  for (const Slot& slot : slots)
    instance->slots.push_back(
        slot.home == Home::arena ? in_memory(slot.spec, device, instance->arena, slot.offset)
                                 : slot.constant);
  return instance;
}

void Plan::State::give(std::unique_ptr<Instance> instance) {
  for (size_t i = 0; i < slots.size(); ++i)
    if (slots[i].home == Home::input || slots[i].home == Home::result) instance->slots[i] = {};
  std::lock_guard lock(mutex);
  idle.push_back(std::move(instance));
}

// Gives values that are not in the arena the memory of this run.
void Plan::State::bind(Instance& instance, std::span<const Tensor> given) const {
  for (size_t i = 0; i < inputs.size(); ++i) instance.slots[size_t(inputs[i])] = given[i];
  for (size_t i = 0; i < slots.size(); ++i) {
    const Slot& slot = slots[i];
    const bool is_root = slot.root == int(i);
    if (slot.home == Home::result && is_root)
      instance.slots[i] = Tensor::empty(slot.spec.shape, slot.spec.dtype, device);
    if (slot.home == Home::arena || is_root) continue;
    const Value& root = *instance.slots[size_t(slot.root)].value();
    instance.slots[i] = in_memory(slot.spec, device, root.storage, root.offset + slot.offset);
  }
}

// One run, or one part of it, from evaluated inputs.
std::vector<Tensor> Plan::State::run_part(std::span<const Tensor> given) {
  auto instance = take();
  bind(*instance, given);
  std::vector<Tensor> in, out;
  for (const Step& step : steps) {
    if (!step.kernel) continue;
    in.clear();
    out.clear();
    for (int i : step.in) in.push_back(instance->slots[size_t(i)]);
    for (int i : step.out) out.push_back(instance->slots[size_t(i)]);
    run_kernel(*step.node, in, out, step.kernel->run);
  }
  std::vector<Tensor> results;
  for (int i : outputs) results.push_back(instance->slots[size_t(i)]);
  in.clear();
  out.clear();
  give(std::move(instance));
  return results;
}

// All parts one after another, whose results are brought together.
std::vector<Tensor> Plan::State::run_parts(std::span<const Tensor> given) {
  std::vector<Tensor> whole;
  for (int i : outputs) {
    const Spec spec = spec_of_all(slots[size_t(i)].spec);
    whole.push_back(Tensor::empty(spec.shape, spec.dtype, device));
  }
  for (int64_t part = 0; part < stats.parts; ++part) {
    std::vector<Tensor> some;
    for (size_t i = 0; i < given.size(); ++i) {
      const Spec& spec = slots[size_t(inputs[i])].spec;
      const Value& value = *given[i].value();
      some.push_back(
          in_memory(spec, device, value.storage, value.offset + size_t(part) * bytes_of(spec)));
    }
    const std::vector<Tensor> results = run_part(some);
    for (size_t i = 0; i < results.size(); ++i) {
      const size_t bytes = bytes_of(slots[size_t(outputs[i])].spec);
      const Value &from = *results[i].value(), &to = *whole[i].value();
      std::memcpy(
          to.storage->data() + to.offset + size_t(part) * bytes,
          from.storage->data() + from.offset,
          bytes);
    }
  }
  return whole;
}

std::vector<Tensor> Plan::run(std::span<const Tensor> inputs) const {
  State& s = *state_;
  if (inputs.size() != s.inputs.size())
    throw std::invalid_argument(
        fmt::format("[plan] expected {} inputs, got {}", s.inputs.size(), inputs.size()));
  std::vector<Tensor> given;
  for (size_t i = 0; i < inputs.size(); ++i) {
    const Spec spec = s.spec_of_all(s.slots[size_t(s.inputs[i])].spec);
    if (!(spec == Spec{inputs[i].shape(), inputs[i].dtype()}))
      throw std::invalid_argument(fmt::format(
          "[plan] expected input {} as it was frozen, {} {}, got {}; freeze another plan for it",
          i,
          name_of(spec.dtype),
          spec.shape.str(),
          inputs[i].str()));
    given.push_back(inputs[i].eval());  // which may be more work than the plan
  }
  OneThreadScope scope(s.stats.one_thread);
  return s.stats.parts == 1 ? s.run_part(given) : s.run_parts(given);
}

const PlanStats& Plan::stats() const { return state_->stats; }

std::string Plan::str() const {
  std::string text;
  for (const Step& step : state_->steps) {
    const Slot& slot = state_->slots[size_t(step.out[0])];
    const std::string place = slot.home == Home::arena    ? fmt::format("at {}", slot.offset)
                              : slot.home == Home::result ? "result"
                                                          : "outside";
    text += fmt::format(
        "{} {} {}{}\n",
        step.node->primitive->name(),
        slot.spec.shape.str(),
        place,
        step.node->path && !step.node->path->empty() ? "   in " + *step.node->path : "");
  }
  return text;
}

}  // namespace fovea::graph
