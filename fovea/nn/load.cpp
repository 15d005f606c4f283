#include "fovea/nn/load.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "fovea/core/eval.h"
#include "fovea/core/text.h"
#include "fovea/ops/elementwise.h"
#include "fovea/ops/shape.h"

namespace fovea::nn {

namespace {

const std::vector<int> to_disk{0, 3, 1, 2}, to_memory{0, 2, 3, 1};

std::map<std::string, Layout> layouts_of(Module& m) {
  class Collect : public Module::Visitor {
   public:
    std::map<std::string, Layout> found;
    void param(std::string_view name, Tensor&, const ParamSpec& spec) override {
      found[path_ + std::string(name)] = spec.layout;
    }
    void state(std::string_view name, Tensor&) override {
      found[path_ + std::string(name)] = Layout::plain;
    }
    void child(std::string_view name, Module& inner) override {
      std::string outer = path_;
      path_ += std::string(name) + ".";
      inner.visit(*this);
      path_ = std::move(outer);
    }

   private:
    std::string path_;
  };
  Collect collect;
  m.visit(collect);
  return collect.found;
}

Tree stripped(const Tree& tree) {
  for (std::string_view prefix : {"module.", "_orig_mod.", "model.", "state_dict."}) {
    auto has = [&](const auto& entry) { return entry.first.starts_with(prefix); };
    if (tree.empty() || !std::ranges::all_of(tree, has)) continue;
    Tree shorter;
    for (const auto& [name, t] : tree) shorter[name.substr(prefix.size())] = t;
    return stripped(shorter);
  }
  return tree;
}

}  // namespace

std::string LoadReport::str() const {
  std::string text = counted(int64_t(loaded), "tensor") + " loaded";
  auto list = [&](const char* what, const std::vector<std::string>& names) {
    if (names.empty()) return;
    size_t shown = std::min<size_t>(names.size(), 8);
    text += fmt::format(
        "\n  {} {}: {}{}",
        names.size(),
        what,
        fmt::join(names.begin(), names.begin() + std::ptrdiff_t(shown), ", "),
        shown < names.size() ? ", ..." : "");
  };
  list("missing", missing);
  list("unused", unused);
  list("of another shape", mismatched);
  for (const std::string& name : missing)
    if (auto near = nearest(name, unused); !near.empty()) {
      text += fmt::format("\n  \"{}\" is missing; did the file mean \"{}\"?", name, near);
      break;
    }
  return text;
}

std::set<std::string> LoadReport::not_loaded() const {
  std::set<std::string> names(missing.begin(), missing.end());
  for (const std::string& text : mismatched) names.insert(text.substr(0, text.find(": ")));
  return names;
}

LoadReport load(Module& m, const Tree& tree, const LoadOptions& o) {
  Tree given = o.strip_prefixes ? stripped(tree) : tree;
  Tree own = parameters(m);
  own.merge(state(m));
  LoadReport report;
  Tree taken;
  for (const auto& [name, layout] : layouts_of(m)) {
    auto it = given.find(name);
    if (it == given.end()) {
      if (!name.ends_with("num_batches_tracked")) report.missing.push_back(name);
      continue;
    }
    const Tensor &t = it->second, &mine = own.at(name);
    Tensor moved = layout == Layout::plain || t.rank() != 4 ? t : transpose(t, to_memory);
    if (!(moved.shape() == mine.shape())) {
      Tensor theirs = layout == Layout::plain ? mine : transpose(mine, to_disk);
      report.mismatched.push_back(
          fmt::format("{}: expected {}, got {}", name, theirs.shape().str(), t.shape().str()));
      continue;
    }
    taken[name] = cast(moved, mine.dtype());
    ++report.loaded;
  }
  for (const auto& [name, t] : given)
    if (!own.contains(name)) report.unused.push_back(name);
  if (o.strict && !report.complete())
    throw std::invalid_argument("[load] the weights do not fit the model: " + report.str());
  eval(values_of(taken));
  assign(m, taken);
  return report;
}

Tree export_tree(Module& m) {
  Tree tree = parameters(m);
  tree.merge(state(m));
  for (const auto& [name, layout] : layouts_of(m))
    if (layout != Layout::plain) tree[name] = transpose(tree[name], to_disk);
  eval(values_of(tree));
  return tree;
}

}  // namespace fovea::nn
