#include "fovea/train/finetune.h"

#include <algorithm>
#include <chrono>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "fovea/core/atomic_file.h"
#include "fovea/core/eval.h"
#include "fovea/data/split.h"
#include "fovea/ops/reduce.h"
#include "fovea/ops/softmax.h"
#include "fovea/train/evaluate.h"
#include "fovea/train/run_folder.h"
#include "fovea/train/setup.h"
#include "fovea/train/transfer.h"

namespace fovea::train {

namespace {

// The mean probability of the old model's first guess on some of the new pictures.
double familiarity_of(const Recipe& recipe, const data::DatasetPtr& dataset) {
  constexpr int64_t samples = 64;
  const models::Model old = model_from(recipe);
  auto order = data::permutation(dataset->size(), Key(recipe.seed).fold_in(6));
  order.resize(size_t(std::min<int64_t>(samples, dataset->size())));
  data::Loader loader(
      data::subset(dataset, std::move(order)),
      {.batch_size = 16, .preprocess = old.preprocess, .workers = recipe.workers});
  double total = 0;
  int64_t seen = 0;
  loader.start(0);
  while (auto batch = loader.next()) {
    for (double p : max(softmax(old.scores(batch->images)), {1}).eval().to_doubles()) total += p;
    seen += batch->size();
  }
  return seen > 0 ? total / double(seen) : 0;
}

// Every stage learns slower than the next: "fc.* lr_scale=1; layer4.* lr_scale=0.5; ...".
std::string groups_of(const std::vector<std::string>& stages, double share) {
  std::vector<std::string> groups;
  double scale = 1;
  for (auto stage = stages.rbegin(); stage != stages.rend(); ++stage, scale *= share)
    groups.push_back(fmt::format("{}.* lr_scale={:.6g}", *stage, scale));
  return fmt::format("{}", fmt::join(groups, "; "));
}

void set_unless_given(Config& c, const std::string& key, const std::string& value) {
  if (!c.is_set(key)) c.set(key, value, "finetune");
}

}  // namespace

Finetuning plan_finetuning(Config config, const std::string& mode, const FinetuneOptions& o) {
  Finetuning plan{.config = std::move(config), .mode = mode, .setup = {}, .notes = {}};
  const Recipe recipe(plan.config);
  if (recipe.from.empty())
    throw std::invalid_argument("[finetune] expected a recipe with model.from");
  use_processors(recipe);
  plan.setup = set_up(recipe);
  const Setup& setup = plan.setup;
  if (mode == "auto") {
    const Advice advice = advise(
        setup.source.train->size(),
        int64_t(setup.source.classes.size()),
        familiarity_of(recipe, setup.source.train));
    plan.mode = advice.mode;
    plan.notes.push_back(fmt::format("mode {}: {}", advice.mode, advice.reason));
  } else if (mode != "features" && mode != "last" && mode != "all") {
    throw std::invalid_argument(
        fmt::format("[finetune] expected a mode of auto, features, last or all, got {}", mode));
  }
  if (plan.mode == "features") return plan;
  const std::vector<std::string> stages = stages_of(setup.model);
  if (plan.mode == "last") {
    const auto kept = std::max<int64_t>(0, int64_t(stages.size()) - 1 - o.stages);
    set_unless_given(
        plan.config,
        "model.freeze",
        fmt::format("{}", fmt::join(stages.begin(), stages.begin() + kept, " ")));
  }
  set_unless_given(plan.config, "train.head_epochs", std::to_string(o.head_epochs));
  if (!plan.config.under("optimizer.").contains("groups"))
    plan.config.set("optimizer.groups", groups_of(stages, o.stage_lr), "finetune");
  return plan;
}

FeatureResult train_on_features(Finetuning plan, const FinetuneOptions& o, bool overwrite) {
  const auto begin = std::chrono::steady_clock::now();
  const Recipe recipe(plan.config);
  use_processors(recipe);
  Setup& setup = plan.setup;
  const CodesOptions how{.workers = recipe.workers, .max_corrupt = recipe.max_corrupt};
  const Codes train = codes_of(setup.model, setup.source.train, how);
  std::optional<Codes> val;
  if (setup.source.val) val = codes_of(setup.model, setup.source.val, how);
  const Probe probe = fit_probe(
      train,
      val ? &*val : nullptr,
      int64_t(setup.source.classes.size()),
      {.loss = o.loss,
       .key = Key(recipe.seed).fold_in(7),
       .softmax = setup.loss,
       .balance = recipe.balance});
  const std::string head = head_of(setup.model);
  nn::assign(*setup.model.net, {{head + ".weight", probe.weight}, {head + ".bias", probe.bias}});

  FeatureResult result{
      .features = train.values.dim(1),
      .weight_decay = probe.weight_decay,
      .train_top1 = probe.train_top1};
  const EvaluateOptions judged{.workers = recipe.workers, .max_corrupt = recipe.max_corrupt};
  if (setup.source.val) result.val = evaluate(setup.model, setup.source.val, judged);
  if (setup.source.test) result.test = evaluate(setup.model, setup.source.test, judged);
  setup.model.metrics = {{"train_top1", probe.train_top1}};
  if (result.val) setup.model.metrics["val_top1"] = result.val->top1;
  if (result.test) setup.model.metrics["test_top1"] = result.test->top1;
  const RunFolder run = RunFolder::create(recipe.folder, recipe.name, overwrite);
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
