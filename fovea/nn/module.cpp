#include "fovea/nn/module.h"

#include <algorithm>

#include <fmt/format.h>

#include "fovea/core/eval.h"
#include "fovea/core/node.h"
#include "fovea/ops/create.h"
#include "fovea/ops/elementwise.h"
#include "fovea/ops/shape.h"

namespace fovea::nn {

namespace {

uint64_t hash_of(std::string_view text) {  // FNV-1a
  uint64_t h = 0xcbf29ce484222325;
  for (unsigned char c : text) h = (h ^ c) * 0x100000001b3;
  return h;
}

std::string joined(const std::string& path, std::string_view name) {
  return path.empty() ? std::string(name) : fmt::format("{}.{}", path, name);
}

// Walks a module and calls back with full names.
class Walk : public Module::Visitor {
 public:
  std::function<void(const std::string&, Tensor&, const ParamSpec&)> on_param;
  std::function<void(const std::string&, Tensor&)> on_state;

  void param(std::string_view name, Tensor& t, const ParamSpec& spec) override {
    if (on_param) on_param(joined(path_, name), t, spec);
  }
  void state(std::string_view name, Tensor& t) override {
    if (on_state) on_state(joined(path_, name), t);
  }
  void child(std::string_view name, Module& m) override {
    std::string outer = path_;
    path_ = joined(path_, name);
    m.visit(*this);
    path_ = std::move(outer);
  }

 private:
  std::string path_;
};

}  // namespace

Tensor Ctx::run(std::string_view name, const Module& child, const Tensor& x) {
  return run_in_scope(name, [&] {
    const Tensor in = tap("input", x);
    if (instead)
      if (Tensor y = instead(child, in); !y.is_empty()) return y;
    return child.forward(in, *this);
  });
}

Tensor Ctx::run_in_scope(std::string_view name, const std::function<Tensor()>& f) {
  std::string outer = path;
  path = joined(path, name);
  PathScope scope(path);
  const bool outer_training = training;
  training = training && !frozen.contains(path);
  try {
    Tensor y = f();
    y = tap("", y);
    path = std::move(outer);
    training = outer_training;
    return y;
  } catch (const LayerError&) {
    throw;
  } catch (const std::invalid_argument& e) {
    throw LayerError(fmt::format("in {}: {}", path, e.what()));
  }
}

Key Ctx::next_key() { return key.fold_in(hash_of(path)).fold_in(keys_given_++); }

Tensor Ctx::tap(std::string_view name, const Tensor& x) {
  if (wanted_taps.empty()) return x;
  std::string full = name.empty() ? path : joined(path, name);
  if (std::ranges::find(wanted_taps, full) == wanted_taps.end()) return x;
  Tensor tapped = x + zeros(x.shape(), x.dtype(), x.device());
  taps[full] = tapped;
  return tapped;
}

Tensor shaped(const Shape& shape) { return broadcast_to(zeros({}), shape); }

void initialize(Module& m, Key key) {
  Walk walk;
  walk.on_param = [&](const std::string& name, Tensor& t, const ParamSpec& spec) {
    t = make(spec.init, t.shape(), key.fold_in(hash_of(name)));
  };
  m.visit(walk);
  eval(values_of(state(m)));
}

Tree parameters(Module& m) {
  Tree tree;
  Walk walk;
  walk.on_param = [&](const std::string& name, Tensor& t, const ParamSpec&) { tree[name] = t; };
  m.visit(walk);
  return tree;
}

Tree state(Module& m) {
  Tree tree;
  Walk walk;
  walk.on_state = [&](const std::string& name, Tensor& t) { tree[name] = t; };
  m.visit(walk);
  return tree;
}

void assign(Module& m, const Tree& values) {
  size_t found = 0;
  auto put = [&](const std::string& name, Tensor& t) {
    auto it = values.find(name);
    if (it == values.end()) return;
    if (!(it->second.shape() == t.shape()))
      throw std::invalid_argument(fmt::format(
          "[assign] {}: expected shape {}, got {}",
          name,
          t.shape().str(),
          it->second.shape().str()));
    t = it->second;
    ++found;
  };
  Walk walk;
  walk.on_param = [&](const std::string& name, Tensor& t, const ParamSpec&) { put(name, t); };
  walk.on_state = put;
  m.visit(walk);
  if (found == values.size()) return;
  Tree own = parameters(m);
  own.merge(state(m));
  for (const auto& [name, t] : values)
    if (!own.contains(name))
      throw std::invalid_argument(fmt::format("[assign] the module has no \"{}\"", name));
}

int64_t count_parameters(Module& m) { return numel_of(parameters(m)); }

Tensor forward(const Module& m, const Tensor& x, Ctx& ctx) {
  ctx.path.clear();
  return m.forward(x, ctx);
}

}  // namespace fovea::nn
