#include "fovea/onnx/runner.h"

#include <fmt/format.h>

#include "fovea/core/errors.h"
#include "fovea/core/node.h"

namespace fovea::onnx {

Graph::Runner::Runner(const Graph& graph, nn::Ctx& ctx) : graph_(graph), ctx_(ctx) {
  for (const Held& h : graph.held_) values_[h.name] = {h.tensor, h.last, true};
}

const Value& Graph::Runner::at(const std::string& name) const {
  auto it = values_.find(name);
  if (it == values_.end()) throw std::invalid_argument(fmt::format("nothing makes \"{}\"", name));
  return it->second;
}

void Graph::Runner::run(const formats::OnnxNode& node, bool dry) {
  Call call{node, graph_.model_.opset(), {}, ctx_, dry};
  bool known = true;
  for (const std::string& name : node.inputs) {
    call.in.push_back(name.empty() ? Value{} : at(name));
    known = known && (name.empty() || call.in.back().known);
  }
  PathScope scope(ctx_.path.empty() ? node.name : fmt::format("{}.{}", ctx_.path, node.name));
  std::vector<Value> out = find_operator(node.op)->run(call);
  for (size_t i = 0; i < node.outputs.size(); ++i) {
    const std::string& name = node.outputs[i];
    if (name.empty()) continue;
    if (i >= out.size()) throw Unsupported(fmt::format("output {}", i));
    out[i].known = out[i].known || known;
    if (is_float(out[i].dtype())) {
      out[i].tensor = ctx_.tap(name, out[i].tensor);
      if (i == 0 && node.name != name) out[i].tensor = ctx_.tap(node.name, out[i].tensor);
    }
    values_[name] = out[i];
  }
}

void Graph::Runner::run() {
  for (const formats::OnnxNode& node : graph_.model_.nodes) try {
      run(node, false);
    } catch (const Unsupported& e) {
      throw UnsupportedError(fmt::format("{}: {} is not supported", node.str(), e.what()));
    } catch (const std::invalid_argument& e) {
      throw std::invalid_argument(fmt::format("{}: {}", node.str(), e.what()));
    }
}

std::vector<std::string> Graph::Runner::dry_run() {
  std::vector<std::string> refused;
  for (const formats::OnnxNode& node : graph_.model_.nodes) {
    bool ready = true;
    for (const std::string& name : node.inputs)
      ready = ready && (name.empty() || values_.contains(name));
    if (!ready) continue;
    try {
      run(node, true);
    } catch (const NotKnown&) {
    } catch (const Unsupported& e) {
      refused.push_back(fmt::format("{}: {}", node.str(), e.what()));
    } catch (const std::exception& e) {
      throw std::invalid_argument(fmt::format("{}: {}", node.str(), e.what()));
    }
  }
  return refused;
}

}  // namespace fovea::onnx
