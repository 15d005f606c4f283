// fovea finetune: a model that has learnt something else, to a model of one's own pictures.
#include "fovea/train/finetune.h"

#include <memory>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "cli/finetune_flags.h"
#include "cli/json_text.h"
#include "cli/output_file.h"
#include "cli/recipe_flags.h"
#include "cli/training.h"

namespace fovea::cli {

namespace {

struct Options {
  RecipeFlags flags;
  std::string model, classifier;
  FinetuneFlags finetune;
  bool overwrite = false, print_config = false;
};

std::string left_out(int64_t skipped) {
  return skipped > 0 ? fmt::format(", {} unreadable left out", skipped) : "";
}

int run(const Options& o, const Globals& g) {
  FinetuneFlags flags = o.finetune;
  if (!o.classifier.empty())
    flags.how.loss = o.classifier == "svm" ? train::ProbeLoss::svm : train::ProbeLoss::softmax;
  train::Finetuning plan = flags.plan(o.flags.config(g), o.model, g);
  if (o.print_config) {
    print_config(plan.config, g);
    return ok;
  }
  if (plan.mode != "features") return train_and_print(std::move(plan), o.overwrite, g);
  for (const std::string& text : plan.setup.notes) tell(g, "note: " + text);
  const train::Advice advice = plan.advice;
  const train::FeatureResult r = train::train_on_features(std::move(plan), flags.how, o.overwrite);
  if (g.json) {
    nlohmann::ordered_json j{
        {"model", r.model},
        {"mode", "features"},
        {"features", r.features},
        {"weight_decay", r.weight_decay},
        {"train", {{"top1", r.train_top1}, {"skipped", r.skipped}}},
        {"seconds", r.seconds}};
    for (auto [split, e] : {std::pair{"val", r.val}, {"test", r.test}})
      if (e) j[split] = {{"samples", e->samples}, {"skipped", e->skipped}, {"top1", e->top1}};
    j["advice"] = advice_json(advice);
    print(json_text(j));
    return ok;
  }
  for (auto [split, e] : {std::pair{"validation", r.val}, {"test", r.test}})
    if (e)
      print(fmt::format(
          "{:<10} {:.2f} % of {} right{}\n",
          split,
          100 * e->top1,
          e->samples,
          left_out(e->skipped)));
  print(file_line("model", r.model) + "\n");
  tell(
      g,
      fmt::format(
          "a linear classifier ({}, weight decay {}) on {} features: {:.2f} % of the training "
          "pictures right{}, {:.1f} s",
          o.classifier.empty() ? "softmax" : o.classifier,
          r.weight_decay,
          r.features,
          100 * r.train_top1,
          left_out(r.skipped),
          r.seconds));
  return ok;
}

}  // namespace

Verb finetune_verb() {
  return {
      "finetune",
      "Teach a trained model the classes of your own pictures",
      {"fovea finetune model.safetensors --data photos/",
       "fovea finetune model.safetensors --data photos/ --mode features --classifier svm",
       "fovea finetune model.safetensors --data photos/ --mode last --stages 2 --epochs 20",
       "fovea finetune net.onnx --data photos/ --preprocess imagenet"},
      [](Arguments& app) {
        auto o = std::make_shared<Options>();
        app.add_option("model", o->model, "A model file, or an .onnx file")
            ->type_name("MODEL")
            ->required();
        o->flags.add_settings_to(app);
        o->finetune.add_to(app);
        app.add_option("--classifier", o->classifier, "Of --mode features, by default softmax")
            ->check(one_of({"softmax", "svm"}));
        app.add_flag("--overwrite", o->overwrite, "Replace a run of the same name");
        app.add_flag("--print-config", o->print_config, "Show each setting and where it came from");
        return [o](const Globals& g) { return run(*o, g); };
      }};
}

}  // namespace fovea::cli
