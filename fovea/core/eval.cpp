#include "fovea/core/eval.h"

#include "fovea/core/allocator.h"
#include "fovea/core/errors.h"
#include "fovea/core/kernel.h"
#include "fovea/core/node.h"
#include "fovea/core/run_kernel.h"

namespace fovea {

namespace {

thread_local EvalMode mode = EvalMode::lazy;

// The input whose memory an output of `spec` may take over: held by nobody else.
const Tensor* donor(const Node& node, const Spec& spec) {
  for (size_t i = 0; i < node.inputs.size(); ++i) {
    const Tensor& t = node.inputs[i];
    const Value& v = *t.value();
    if (v.spec.dtype == spec.dtype && v.spec.shape == spec.shape && t.value().use_count() == 1 &&
        v.storage.use_count() == 1 && v.device == node.device &&
        node.primitive->may_overwrite(node.inputs, int(i)))
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

void run_node(const std::shared_ptr<Node>& node) {
  bool keep = node->traced && TraceScope::active();
  std::vector<Tensor> outputs;
  outputs.reserve(node->outputs.size());
  for (size_t i = 0; i < node->outputs.size(); ++i) outputs.push_back(Node::output(node, int(i)));

  allocate_outputs(*node, outputs, keep);
  try {
    const Primitive& p = *node->primitive;
    if (p.kind() != Kind::view)
      run_kernel(*node, node->inputs, outputs, [&](auto in, auto out, Run& run) {
        kernels().find(p, node->device.kind)(p, in, out, run);
      });
  } catch (const NonFiniteError&) {
    throw;
  } catch (const std::exception&) {
    for (Tensor& t : outputs) t.value()->storage.reset();
    throw;
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

}  // namespace fovea
