#include "fovea/core/eval.h"

#include <chrono>
#include <cmath>

#include <fmt/format.h>

#include "fovea/core/allocator.h"
#include "fovea/core/errors.h"
#include "fovea/core/kernel.h"
#include "fovea/core/node.h"
#include "fovea/core/profile.h"

namespace fovea {

namespace {

thread_local EvalMode mode = EvalMode::lazy;
thread_local int nan_guards = 0;

std::string describe(const Node& node) {
  std::string at = node.path && !node.path->empty() ? fmt::format(" in {}", *node.path) : "";
  return fmt::format(
      "[{}]{} ({}:{})", node.primitive->name(), at, node.where.file_name(), node.where.line());
}

bool all_finite(const Tensor& t) {
  auto finite = [&]<class T>() {
    for (T x : t.data<T>())
      if (!std::isfinite(double(x))) return false;
    return true;
  };
  return !is_float(t.dtype()) || visit_dtype(t.dtype(), finite);
}

void check_finite(const Node& node, std::span<const Tensor> outputs) {
  for (const Tensor& out : outputs) {
    if (all_finite(out)) continue;
    std::string cause = "from finite inputs";
    for (size_t i = 0; i < node.inputs.size(); ++i)
      if (!all_finite(node.inputs[i]))
        cause = fmt::format("its input {} {} already was not finite", i, node.inputs[i].str());
    throw NonFiniteError(
        fmt::format("{} made a NaN or an infinity, {}", describe(node), cause),
        std::string(node.primitive->name()),
        node.path ? *node.path : "");
  }
}

std::string shapes_of(std::span<const Tensor> in, std::span<const Tensor> out) {
  std::string text;
  for (const Tensor& t : in) text += (text.empty() ? "" : " x ") + t.shape().str();
  text += " ->";
  for (const Tensor& t : out) text += " " + t.shape().str();
  return text;
}

// The input whose memory an elementwise output of `spec` may take over: held by nobody else.
const Tensor* donor(const Node& node, const Spec& spec) {
  if (node.primitive->kind() != Kind::elementwise) return nullptr;
  for (const Tensor& t : node.inputs) {
    const Value& v = *t.value();
    if (v.spec.dtype == spec.dtype && v.spec.shape == spec.shape && t.value().use_count() == 1 &&
        v.storage.use_count() == 1 && v.device == node.device)
      return &t;
  }
  return nullptr;
}

void allocate_outputs(Node& node, std::span<Tensor> outputs, bool keep_inputs) {
  for (size_t i = 0; i < outputs.size(); ++i) {
    Value& value = *outputs[i].value();
    if (node.primitive->kind() == Kind::view) {
      Primitive::View view = node.primitive->view(int(i), node.inputs);
      const Value& source = *node.inputs[size_t(view.input)].value();
      value.storage = source.storage;
      value.offset = source.offset + view.offset;
    } else if (const Tensor* from = keep_inputs ? nullptr : donor(node, value.spec)) {
      value.storage = from->value()->storage;
      value.offset = from->value()->offset;
    } else {
      value.storage = std::make_shared<Storage>(outputs[i].nbytes(), node.device);
    }
  }
}

void run_kernel(Node& node, std::span<Tensor> outputs) {
  Workspace scratch(node.device);
  Run run{node.device, scratch};
  Kernel kernel = kernels().find(*node.primitive, node.device.kind);
  Profile* profile = Profile::active();
  auto start = std::chrono::steady_clock::now();
  kernel(*node.primitive, node.inputs, outputs, run);
  if (!profile) return;
  std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  Cost cost = node.primitive->cost(node.inputs, outputs);
  profile->record(
      {std::string(node.primitive->name()),
       node.path ? *node.path : "",
       shapes_of(node.inputs, outputs),
       took.count(),
       cost.flops,
       cost.bytes});
}

void run_node(const std::shared_ptr<Node>& node) {
  bool keep = node->traced && TraceScope::active();
  std::vector<Tensor> outputs;
  outputs.reserve(node->outputs.size());
  for (size_t i = 0; i < node->outputs.size(); ++i) outputs.push_back(Node::output(node, int(i)));

  allocate_outputs(*node, outputs, keep);
  try {
    if (node->primitive->kind() != Kind::view) run_kernel(*node, outputs);
    if (nan_guards > 0) check_finite(*node, outputs);
  } catch (const NonFiniteError&) {
    throw;
  } catch (const std::exception& e) {
    for (Tensor& t : outputs) t.value()->storage.reset();
    throw EvalError(fmt::format("{}: {}", describe(*node), e.what()));
  }

  node->done = true;
  for (size_t i = 0; i < outputs.size(); ++i) {
    if (keep) {
      node->outputs[i].storage = outputs[i].value()->storage;
      node->outputs[i].offset = outputs[i].value()->offset;
    } else {
      outputs[i].value()->node.reset();
    }
  }
  if (!keep) node->inputs.clear();
}

}  // namespace

void eval(std::span<const Tensor> outputs) {
  auto nodes = reachable(outputs);
  for (auto& node : nodes) {
    run_node(node);
    node.reset();
  }
}

void eval(std::initializer_list<Tensor> outputs) {
  eval(std::span(outputs.begin(), outputs.size()));
}
void eval(const std::vector<Tensor>& outputs) { eval(std::span<const Tensor>(outputs)); }

EvalMode eval_mode() { return mode; }

EvalModeScope::EvalModeScope(EvalMode wanted) : previous_(mode) { mode = wanted; }
EvalModeScope::~EvalModeScope() { mode = previous_; }

NanGuard::NanGuard() { ++nan_guards; }
NanGuard::~NanGuard() { --nan_guards; }

}  // namespace fovea
