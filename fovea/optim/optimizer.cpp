#include "fovea/optim/optimizer.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "fovea/core/node.h"
#include "fovea/core/text.h"
#include "fovea/ops/create.h"

namespace fovea::optim {

namespace {

constexpr std::string_view missed = "missed";

std::vector<std::string> names_of(const Tree& tree) {
  std::vector<std::string> names;
  for (const auto& [name, t] : tree) names.push_back(name);
  return names;
}

}  // namespace

Optimizer::Optimizer(std::string name, std::vector<std::string> slots, Settings settings)
    : name_(std::move(name)),
      slots_(std::move(slots)),
      weight_decay_(settings.weight_decay),
      groups_(std::move(settings.groups)) {
  set_lr(settings.lr);
  auto check_decay = [&](double decay) {
    check(std::isfinite(decay) && decay >= 0, "a weight_decay of 0 or more", decay);
  };
  check_decay(weight_decay_);
  for (const ParamGroup& group : groups_) {
    check(
        std::isfinite(group.lr_scale) && group.lr_scale >= 0,
        "an lr_scale of 0 or more",
        group.lr_scale);
    check_decay(group.weight_decay.value_or(0));
  }
}

void Optimizer::check(bool good, std::string_view what, double value) const {
  if (!good)
    throw std::invalid_argument(fmt::format("[{}] expected {}, got {}", name_, what, value));
}

void Optimizer::set_lr(double lr) {
  check(std::isfinite(lr) && lr >= 0, "a learning rate of 0 or more", lr);
  lr_ = lr;
}

void Optimizer::check_step(const Tree& params, const Tree& grads) const {
  for (const auto& item : grads) {
    const std::string& name = item.first;
    const Tensor& g = item.second;
    if (g.is_empty()) continue;
    auto found = params.find(name);
    if (found == params.end())
      throw std::invalid_argument(fmt::format(
          "[{}] expected the gradient of a parameter, got one of \"{}\", which is not among the {} "
          "parameters{}",
          name_,
          name,
          params.size(),
          did_you_mean(name, names_of(params))));
    auto fits = [&](const Tensor& t, std::string_view what) {
      const Tensor& param = found->second;
      if (t.shape() != param.shape() || t.dtype() != param.dtype())
        throw std::invalid_argument(fmt::format(
            "[{}] expected the {} of {} to be {}, got {}",
            name_,
            what,
            name,
            param.str(),
            t.str()));
    };
    fits(g, "gradient");
    auto entry = entries_.find(name);
    if (entry == entries_.end()) continue;
    for (size_t i = 0; i < slots_.size(); ++i) fits(entry->second.slots[i], slots_[i]);
  }
  if (groups_match_) return;
  for (const ParamGroup& group : groups_) {
    if (std::ranges::any_of(
            params, [&](const auto& item) { return glob_match(group.pattern, item.first); }))
      continue;
    throw std::invalid_argument(fmt::format(
        "[{}] expected the group pattern \"{}\" to match a parameter, but it matches none of {}{}",
        name_,
        group.pattern,
        params.size(),
        did_you_mean(group.pattern, names_of(params))));
  }
}

void Optimizer::step(Tree& params, const Tree& grads) {
  check_step(params, grads);
  groups_match_ = true;
  for (const auto& [name, grad] : grads) {
    if (grad.is_empty()) continue;
    const ParamGroup* group = find_group(groups_, name);
    if (group && group->lr_scale == 0) continue;
    Tensor& param = params.at(name);
    Entry& entry = entries_[name];
    if (entry.slots.empty()) entry.slots.assign(slots_.size(), {});
    for (Tensor& slot : entry.slots)
      if (slot.is_empty()) slot = zeros(param.shape(), param.dtype(), param.device());

    At at{.lr = lr_, .weight_decay = weight_decay_, .t = ++entry.updates};
    if (group) {
      at.lr *= group->lr_scale;
      at.weight_decay = group->weight_decay.value_or(weight_decay_);
    }
    PathScope scope(name);
    std::vector<Tensor> out = update(rule(at), param, entry.slots, grad);
    param = std::move(out[0]);
    std::move(out.begin() + 1, out.end(), entry.slots.begin());
  }
  ++steps_;
}

Tree Optimizer::state() const {
  Tree tree;
  for (const auto& [name, entry] : entries_) {
    for (size_t i = 0; i < slots_.size(); ++i)
      tree[fmt::format("{}/{}", slots_[i], name)] = entry.slots[i];
    if (entry.updates != steps_ && !slots_.empty())
      tree[fmt::format("{}/{}", missed, name)] = Tensor::from({steps_ - entry.updates}, {});
  }
  return tree;
}

void Optimizer::load_state(const Tree& state, int64_t steps) {
  check(steps >= 0, "a number of steps of 0 or more", double(steps));
  std::map<std::string, Entry> entries;
  for (const auto& [key, t] : state) {
    size_t slash = key.find('/');
    std::string_view slot = std::string_view(key).substr(0, slash);
    auto which = size_t(std::ranges::find(slots_, slot) - slots_.begin());
    if (slash == std::string::npos || (which == slots_.size() && slot != missed))
      throw std::invalid_argument(fmt::format(
          "[{}] expected state named {}/<parameter>, got \"{}\"; was it saved by another optimiser "
          "or with other settings?",
          name_,
          slots_.empty() ? "nothing" : fmt::format("{}", fmt::join(slots_, "/... or ")),
          key));
    Entry& entry = entries.try_emplace(key.substr(slash + 1), Entry{{}, steps}).first->second;
    entry.slots.resize(slots_.size());
    if (slot == missed)
      entry.updates = steps - t.item<int64_t>();
    else
      entry.slots[which] = t;
  }
  for (const auto& [name, entry] : entries) {
    for (size_t i = 0; i < slots_.size(); ++i) {
      if (!entry.slots[i].is_empty()) continue;
      throw std::invalid_argument(fmt::format(
          "[{}] expected the state {}/{}, which is missing; was it saved with other settings?",
          name_,
          slots_[i],
          name));
    }
    check(
        entry.updates >= 0 && entry.updates <= steps,
        "at most as many missed as taken steps",
        double(steps - entry.updates));
  }
  entries_ = std::move(entries);
  steps_ = steps;
}

}  // namespace fovea::optim
