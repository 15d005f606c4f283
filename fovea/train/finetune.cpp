#include "fovea/train/finetune.h"

#include <algorithm>
#include <chrono>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "fovea/core/atomic_file.h"
#include "fovea/train/evaluate.h"
#include "fovea/train/run_folder.h"
#include "fovea/train/setup.h"

namespace fovea::train {

namespace {

constexpr int64_t usual_stages = 2;
constexpr double usual_stage_lr = 0.5;

// By the codes of some of the new pictures; the old weights alone make those.
Advice advice_for(const Recipe& recipe, const Setup& setup) {
  const data::DatasetPtr& train = setup.source.train;
  std::vector<int64_t> samples = separation_samples(*train, Key(recipe.seed).fold_in(6));
  std::optional<Separation> separation;
  if (!samples.empty() && has_codes(setup.model))
    separation = separation_of(codes_of(
        setup.model,
        data::subset(train, std::move(samples)),
        {.batch = 16, .workers = recipe.workers, .max_corrupt = 1}));
  return advise(data::class_counts(*train), separation);
}

// Every stage learns slower than the next: "fc.* lr_scale=1; layer4.* lr_scale=0.5; ...".
std::string groups_of(const std::vector<std::string>& stages, double share) {
  std::vector<std::string> groups;
  double scale = 1;
  for (auto stage = stages.rbegin(); stage != stages.rend(); ++stage, scale *= share)
    groups.push_back(fmt::format("{}.* lr_scale={:.6g}", *stage, scale));
  return fmt::format("{}", fmt::join(groups, "; "));
}

// Settings of the trainer that are given and that a linear classifier on fixed features has no use
// for: "train.epochs (--epochs)".
std::vector<std::string> of_the_trainer(const Config& c) {
  constexpr std::string_view sections[] = {
      "train.", "optimizer.", "schedule.", "regularize.", "report.", "model.freeze"};
  constexpr std::string_view used[] = {
      "train.loss", "train.focal_gamma", "train.class_weights", "train.label_smoothing"};
  std::vector<std::string> found;
  for (const auto& [key, value] : c.under(""))
    if (c.is_set(key) && std::ranges::count(used, key) == 0 &&
        std::ranges::any_of(sections, [&](auto s) { return std::string_view(key).starts_with(s); }))
      found.push_back(fmt::format("{} ({})", key, c.origin(key)));
  if (!c.list("augment").empty()) found.push_back(fmt::format("augment ({})", c.origin("augment")));
  return found;
}

// What was asked for and cannot act.
std::vector<std::string> idle_settings(
    const Config& c, const std::string& mode, const FinetuneOptions& o) {
  std::vector<std::string> notes;
  auto idle = [&](bool given, std::string_view flag, const std::string& why) {
    if (given) notes.push_back(fmt::format("without effect: {}; {}", flag, why));
  };
  auto is_set = [&](const char* key) { return fmt::format("{} is set by {}", key, c.origin(key)); };
  if (mode == "features") {
    std::vector<std::string> all = of_the_trainer(c);
    if (o.stages) all.emplace_back("--stages");
    if (o.head_epochs) all.emplace_back("--head-epochs");
    if (o.stage_lr) all.emplace_back("--stage-lr");
    idle(
        !all.empty(),
        fmt::format("{}", fmt::join(all, ", ")),
        "mode features fits a linear classifier by a way of its own");
    return notes;
  }
  idle(o.loss.has_value(), "--classifier", "it is for mode features, and this is mode " + mode);
  idle(o.stages && mode == "all", "--stages", "mode all trains all of them");
  if (c.is_set("model.freeze"))
    idle(o.stages && mode == "last", "--stages", is_set("model.freeze"));
  if (c.is_set("train.head_epochs"))
    idle(o.head_epochs.has_value(), "--head-epochs", is_set("train.head_epochs"));
  if (c.under("optimizer.").contains("groups"))
    idle(o.stage_lr.has_value(), "--stage-lr", is_set("optimizer.groups"));
  return notes;
}

// Of these stages the ones that mode "last" leaves as they are: all but the head and the last ones,
// as many as were asked for, and none that begins anew.
std::vector<std::string> frozen_stages(
    Finetuning& plan, std::vector<std::string> stages, std::optional<int64_t> asked) {
  const int64_t before_head = int64_t(stages.size()) - 1, open = asked.value_or(usual_stages);
  if (asked && open > before_head)
    plan.notes.push_back(fmt::format(
        "--stages {}: the network has {} before its head, and all of them learn",
        open,
        before_head));
  stages.resize(size_t(std::max<int64_t>(0, before_head - open)));
  const std::set<std::string>& fresh = plan.setup.fresh;
  const auto anew = std::ranges::find_if(stages, [&](const std::string& stage) {
    const auto at = fresh.lower_bound(stage + ".");
    return at != fresh.end() && at->starts_with(stage + ".");
  });
  if (anew != stages.end())
    plan.notes.push_back(fmt::format("{} begins anew, so it and what follows learn", *anew));
  stages.erase(anew, stages.end());
  return stages;
}

void set_unless_given(Config& c, const std::string& key, const std::string& value) {
  if (!c.is_set(key)) c.set(key, value, "finetune");
}

}  // namespace

Finetuning plan_finetuning(Config config, const std::string& mode, const FinetuneOptions& o) {
  Finetuning plan{
      .config = std::move(config), .mode = mode, .setup = {}, .advice = {}, .notes = {}};
  const Recipe recipe(plan.config);
  if (recipe.from.empty())
    throw std::invalid_argument("[finetune] expected a recipe with model.from");
  if (mode != "auto" && mode != "features" && mode != "last" && mode != "all")
    throw std::invalid_argument(
        fmt::format("[finetune] expected a mode of auto, features, last or all, got {}", mode));
  use_processors(recipe);
  plan.setup = set_up(recipe);
  const Setup& setup = plan.setup;
  plan.advice = advice_for(recipe, setup);
  if (mode == "auto") plan.mode = plan.advice.mode;
  plan.notes = idle_settings(plan.config, plan.mode, o);
  if (plan.mode == "features") return plan;
  const std::vector<std::string> stages = stages_of(setup.model);
  if (plan.mode == "last" && !plan.config.is_set("model.freeze"))
    plan.config.set(
        "model.freeze",
        fmt::format("{}", fmt::join(frozen_stages(plan, stages, o.stages), " ")),
        "finetune");
  const int usual_head_epochs = setup.fresh.empty() ? 0 : std::min(1, recipe.epochs - 1);
  set_unless_given(
      plan.config, "train.head_epochs", std::to_string(o.head_epochs.value_or(usual_head_epochs)));
  if (plan.config.integer("train.head_epochs") >= recipe.epochs)
    plan.notes.push_back(fmt::format(
        "only the head learns: train.head_epochs is {} of {} epochs",
        plan.config.integer("train.head_epochs"),
        recipe.epochs));
  if (!plan.config.under("optimizer.").contains("groups"))
    plan.config.set(
        "optimizer.groups", groups_of(stages, o.stage_lr.value_or(usual_stage_lr)), "finetune");
  return plan;
}

FeatureResult train_on_features(Finetuning plan, const FinetuneOptions& o, bool overwrite) {
  const auto begin = std::chrono::steady_clock::now();
  const Recipe recipe(plan.config);
  const NewRun new_run = train::new_run(recipe, overwrite);
  RunFolder::check(new_run);
  use_processors(recipe);
  Setup& setup = plan.setup;
  const std::string head = head_of(setup.model);
  const CodesOptions how{.workers = recipe.workers, .max_corrupt = recipe.max_corrupt};
  const Codes train = codes_of(setup.model, setup.source.train, how);
  std::optional<Codes> val;
  if (setup.source.val) val = codes_of(setup.model, setup.source.val, how);
  const Probe probe = fit_probe(
      train,
      val ? &*val : nullptr,
      int64_t(setup.source.classes.size()),
      {.loss = o.loss.value_or(ProbeLoss::softmax),
       .key = Key(recipe.seed).fold_in(7),
       .softmax = setup.loss,
       .balance = recipe.balance});
  nn::assign(*setup.model.net, {{head + ".weight", probe.weight}, {head + ".bias", probe.bias}});

  FeatureResult result{
      .features = train.values.dim(1),
      .weight_decay = probe.weight_decay,
      .train_top1 = probe.train_top1,
      .skipped = train.skipped};
  const EvaluateOptions judged{.workers = recipe.workers, .max_corrupt = recipe.max_corrupt};
  if (setup.source.val) result.val = evaluate(setup.model, setup.source.val, judged);
  if (setup.source.test) result.test = evaluate(setup.model, setup.source.test, judged);
  setup.model.metrics = {{"train_top1", probe.train_top1}};
  if (result.val) setup.model.metrics["val_top1"] = result.val->top1;
  if (result.test) setup.model.metrics["test_top1"] = result.test->top1;
  const RunFolder run = RunFolder::create(new_run);
  write_file_atomic(run.file("recipe.toml"), plan.config.to_toml());
  models::save_model(run.file("model.safetensors"), setup.model);
  RunLog log(run, std::nullopt);
  log.write({"end", 0, 0, setup.model.metrics});
  log.flush();
  result.model = run.file("model.safetensors");
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return result;
}

}  // namespace fovea::train
