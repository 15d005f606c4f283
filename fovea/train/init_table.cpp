#include "fovea/train/init_table.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "fovea/nn/restore.h"
#include "fovea/train/fit.h"

namespace fovea::train {

namespace {

// By the nonlinearities alone: scores have a scale of their own.
std::string verdict_of(const std::vector<SignalStats>& layers) {
  if (layers.size() < 2) return "has no hidden layer";
  const auto hidden = std::span(layers).first(layers.size() - 1);
  double saturated = 0;
  for (const SignalStats& s : hidden) {
    if (!std::isfinite(s.std) || !std::isfinite(s.gradient_std)) return "overflows";
    saturated = std::max(saturated, s.saturated);
  }
  const double first = hidden.front().std, last = hidden.back().std;
  if (saturated > 0.5) return "saturates";
  if (last < 0.1 * first || first < 1e-3) return "dies away";
  if (last > 10 * first || first > 1e3) return "explodes";
  return "holds";
}

}  // namespace

InitColumn init_column(
    nn::Module& net,
    const data::Batch& batch,
    const std::string& rule,
    Key key,
    const SignalOptions& o) {
  const nn::Restore restore(net);
  if (rule != "recipe") {
    const nn::Init init = nn::init_named(rule);
    Tree fresh;
    for (const auto& [name, t] : nn::parameters(net))
      if (t.rank() >= 2) fresh[name] = nn::make(init, t.shape(), key.fold_in(fresh.size()));
    nn::assign(net, fresh);
  }
  const Signals s = signals_of(net, batch, o);
  InitColumn column{.rule = rule, .loss = s.loss, .layers = stats_of(s.activations)};
  column.verdict = verdict_of(column.layers);
  return column;
}

InitTable init_table(const Config& config, const InitOptions& o) {
  if (o.rules.empty()) throw std::invalid_argument("[init_table] expected a rule at least");
  for (const std::string& rule : o.rules)
    if (rule != "recipe") nn::init_named(rule);
  const Recipe recipe(config);
  use_processors(recipe);
  Setup setup = set_up(recipe);
  check_learns_by_steps(setup.model, "a comparison of initialisers");
  const data::Batch batch = sample_batch(recipe, setup, std::max<int64_t>(o.pictures, 2));
  InitTable t{.title = recipe.name, .pictures = batch.size(), .columns = {}, .notes = setup.notes};
  for (const std::string& rule : o.rules)
    t.columns.push_back(init_column(
        *setup.model.net,
        batch,
        rule,
        Key(recipe.seed).fold_in(7),
        {.loss = setup.loss, .key = Key(recipe.seed).fold_in(6)}));
  return t;
}

}  // namespace fovea::train
