#include "fovea/nn/load.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <string_view>

#include <fmt/format.h>

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

struct Prefixes {
  std::string best;
  std::vector<std::string> rivals;
};

// Of the leading parts of the tree's names, those before most names of the module.
Prefixes prefixes_of(const Tree& tree, const Tree& own) {
  std::set<std::string_view> names;
  for (const auto& [name, t] : own) names.insert(name);
  std::map<std::string, size_t> found;
  for (const auto& [name, t] : tree)
    for (size_t start = 0, dot = 0; dot != name.npos; start = dot + 1) {
      if (names.contains(std::string_view(name).substr(start))) ++found[name.substr(0, start)];
      dot = name.find('.', start);
    }
  Prefixes p;
  size_t most = found[""];
  for (const auto& [prefix, n] : found) {
    const bool shorter = !p.best.empty() && prefix.size() < p.best.size();
    if (n < most || (n == most && !shorter)) continue;
    p.best = prefix;
    most = n;
  }
  for (const auto& [prefix, n] : found)
    if (!p.best.empty() && n == most && prefix != p.best) p.rivals.push_back(prefix);
  return p;
}

// Whether the type of whole numbers holds `x`.
bool holds(Dtype t, double x) {
  const double end = std::ldexp(1, 8 * int(size_of(t)) - (t != Dtype::u8));
  return x == std::trunc(x) && x >= (t == Dtype::u8 ? 0 : -end) && x < end;
}

// What keeps numbers from becoming those of another type, "expected f32, got i8"; empty: nothing.
std::string type_misfit(const Tensor& given, Dtype wanted) {
  const Dtype got = given.dtype();
  if (got == wanted) return "";
  const std::string text = fmt::format("expected {}, got {}", name_of(wanted), name_of(got));
  if ((is_float(wanted) && !is_float(got)) || wanted == Dtype::boolean) return text;
  if (wanted == Dtype::f32 && got == Dtype::f64) {
    double largest = 0;
    for (double x : given.eval().data<double>())
      if (std::isfinite(x)) largest = std::max(largest, std::abs(x));
    if (largest > std::numeric_limits<float>::max())
      return fmt::format("{} with numbers of up to {:g}, which f32 does not hold", text, largest);
  }
  if (!is_float(wanted))
    for (double x : given.to_doubles())
      if (!holds(wanted, x)) return fmt::format("{} with {:g}", text, x);
  return "";
}

}  // namespace

std::string LoadReport::str() const {
  std::string text = counted(int64_t(loaded), "tensor") + " loaded";
  if (!prefix.empty()) text += fmt::format(", from under \"{}\"", printable(prefix));
  if (!rivals.empty()) {
    std::vector<std::string> others;
    for (const std::string& name : rivals) others.push_back(fmt::format("\"{}\"", printable(name)));
    text += fmt::format("; as many names are under {}", list_of(others, 3));
  }
  auto list = [&](const char* what, const std::vector<std::string>& lines) {
    if (lines.empty()) return;
    text += fmt::format("\n  {} {}: ", lines.size(), what);
    const size_t shown = std::min<size_t>(lines.size(), 8);
    for (size_t i = 0; i < shown; ++i) text += (i ? ", " : "") + printable(lines[i], 300);
    if (shown < lines.size()) text += ", ...";
  };
  list("missing", missing);
  list("unused", unused);
  list("of another shape or type", mismatched);
  std::vector<std::string> candidates;
  for (const std::string& name : unused)
    if (name.starts_with(prefix)) candidates.push_back(name.substr(prefix.size()));
  for (const std::string& name : missing)
    if (auto near = nearest(name, candidates); !near.empty()) {
      text += fmt::format(
          "\n  \"{}\" is missing; did the file mean \"{}\"?",
          printable(name),
          printable(prefix + near));
      break;
    }
  return text;
}

std::set<std::string> LoadReport::not_loaded() const {
  std::set<std::string> names(missing.begin(), missing.end());
  for (const std::string& text : mismatched)
    names.insert(text.substr(0, text.rfind(": expected ")));
  return names;
}

LoadReport load(Module& m, const Tree& tree, const LoadOptions& o) {
  Tree own = parameters(m);
  own.merge(state(m));
  LoadReport report;
  if (o.strip_prefixes) {
    Prefixes p = prefixes_of(tree, own);
    report.prefix = std::move(p.best);
    report.rivals = std::move(p.rivals);
  }
  Tree taken;
  for (const auto& [name, layout] : layouts_of(m)) {
    auto it = tree.find(report.prefix + name);
    if (it == tree.end()) {
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
    if (const std::string why = type_misfit(t, mine.dtype()); !why.empty()) {
      report.mismatched.push_back(fmt::format("{}: {}", name, why));
      continue;
    }
    taken[name] = cast(moved, mine.dtype());
    ++report.loaded;
  }
  for (const auto& [name, t] : tree)
    if (!name.starts_with(report.prefix) || !own.contains(name.substr(report.prefix.size())))
      report.unused.push_back(name);
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
