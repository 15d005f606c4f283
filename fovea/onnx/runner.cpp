#include "fovea/onnx/runner.h"

#include <set>

#include <fmt/format.h>

#include "fovea/core/errors.h"
#include "fovea/core/node.h"

namespace fovea::onnx {

namespace {

std::string path_in(const nn::Ctx& ctx, const std::string& path) {
  return ctx.path.empty() ? path : fmt::format("{}.{}", ctx.path, path);
}

}  // namespace

Graph::Runner::Runner(const Graph& graph, nn::Ctx& ctx) : graph_(graph), ctx_(ctx) {
  for (const Held& h : graph.held_) values_[h.name] = {h.tensor, h.last, true};
}

const Value& Graph::Runner::at(const std::string& name) const {
  auto it = values_.find(name);
  if (it == values_.end()) throw std::invalid_argument(fmt::format("nothing makes \"{}\"", name));
  return it->second;
}

bool Graph::Runner::is_frozen(const std::string& module) const {
  for (std::string path = path_in(ctx_, module);;) {
    if (ctx_.frozen.contains(path)) return true;
    const size_t dot = path.rfind('.');
    if (dot == path.npos) return false;
    path.resize(dot);
  }
}

void Graph::Runner::run(size_t index, bool dry) {
  const formats::OnnxNode& node = graph_.model_.nodes[index];
  const Place& place = graph_.places_[index];
  const bool training = ctx_.training && !is_frozen(place.owner);
  const bool draws = (training && !ctx_.still) || ctx_.sampling;
  Call call{node, graph_.model_.opset(), {}, ctx_, training, draws, dry};
  bool known = true;
  for (const std::string& name : node.inputs) {
    call.in.push_back(name.empty() ? Value{} : at(name));
    known = known && (name.empty() || call.in.back().known);
  }
  PathScope scope(path_in(ctx_, place.path));
  const bool tapped = !ctx_.wanted_taps.empty();
  const std::string input = place.path + ".input";
  if (tapped && call.has(0) && is_float(call.in[0].dtype()) &&
      !ctx_.taps.contains(path_in(ctx_, input)))
    call.in[0].tensor = ctx_.tap(input, call.in[0].tensor);
  std::vector<Value> out = find_operator(node.op)->run(call);
  for (size_t i = 0; i < node.outputs.size(); ++i) {
    const std::string& name = node.outputs[i];
    if (name.empty()) continue;
    if (i >= out.size()) throw Unsupported(fmt::format("output {}", i));
    out[i].known = out[i].known || known;
    if (tapped && is_float(out[i].dtype())) {
      std::set<std::string> names{name};
      if (i == 0) names.insert({node.name, place.path});
      for (const std::string& as : names) out[i].tensor = ctx_.tap(as, out[i].tensor);
    }
    values_[name] = out[i];
  }
}

void Graph::Runner::run() {
  for (size_t i = 0; i < graph_.model_.nodes.size(); ++i) try {
      run(i, false);
    } catch (const Unsupported& e) {
      throw UnsupportedError(
          fmt::format("{}: {} is not supported", graph_.model_.nodes[i].str(), e.what()));
    } catch (const std::invalid_argument& e) {
      throw std::invalid_argument(fmt::format("{}: {}", graph_.model_.nodes[i].str(), e.what()));
    }
}

Faults Graph::Runner::dry_run() {
  Faults refused;
  for (size_t i = 0; i < graph_.model_.nodes.size(); ++i) {
    const formats::OnnxNode& node = graph_.model_.nodes[i];
    bool ready = true;
    for (const std::string& name : node.inputs)
      ready = ready && (name.empty() || values_.contains(name));
    if (!ready) continue;
    try {
      run(i, true);
    } catch (const NotKnown&) {
    } catch (const Unsupported& e) {
      refused.add({node.str(), fmt::format(": {}", e.what())});
    } catch (const std::exception& e) {
      throw std::invalid_argument(fmt::format("{}: {}", node.str(), e.what()));
    }
  }
  return refused;
}

}  // namespace fovea::onnx
