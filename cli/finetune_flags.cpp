#include "cli/finetune_flags.h"

#include <fmt/format.h>

#include "cli/model_flags.h"

namespace fovea::cli {

void FinetuneFlags::add_to(Arguments& app) {
  app.add_option(
         "--mode",
         mode,
         "features: a linear classifier on fixed features; last: the last stages too; all; "
         "auto: by how many pictures there are, and how like those it knows")
      ->check(one_of({"auto", "features", "last", "all"}))
      ->capture_default_str();
  add_preprocess_to(
      app, preprocess, "How pictures become the input of an .onnx file that does not record it");
  app.add_option(
         "--stages", how.stages, "How many stages before the head --mode last trains, by default 2")
      ->check(positive());
  app.add_option(
         "--head-epochs",
         how.head_epochs,
         "First epochs that train the head alone, by default 1 where it is new and more follow")
      ->check(not_negative());
  app.add_option(
         "--stage-lr",
         how.stage_lr,
         "Learning rate of each stage as a share of the next one's, nearer to the head, by default "
         "0.5")
      ->check(positive());
}

train::Finetuning FinetuneFlags::plan(
    train::Config config, const std::string& model, const Globals& g) const {
  if (!config.is_set("data.source"))
    throw std::invalid_argument("--data is required: your own pictures, a folder per class");
  if (const std::string other = config.text("model.from"); !other.empty() && other != model)
    throw std::invalid_argument(fmt::format(
        "{}: model.from is {}, and the model to fine-tune is given as {}; leave out one of them",
        config.origin("model.from"),
        other,
        model));
  config.set("model.from", model, "MODEL");
  if (!config.is_set("model.head")) config.set("model.head", "linear", "finetune");
  if (!preprocess.empty())
    config.set("model.preprocess", preprocess_text(preprocess), "--preprocess");
  train::Finetuning plan = train::plan_finetuning(std::move(config), mode, how);
  tell(
      g,
      fmt::format(
          "mode {}, {}: {}",
          plan.mode,
          mode == "auto" ? "chosen by this" : "as was asked; the advice",
          train::advice_text(plan.advice)));
  for (const std::string& text : plan.notes) tell(g, "note: " + text);
  return plan;
}

nlohmann::ordered_json advice_json(const train::Advice& a) {
  nlohmann::ordered_json j{
      {"mode", a.mode},
      {"reason", a.reason},
      {"pictures", {{"mean", a.mean}, {"smallest", a.smallest}, {"many", a.many}}},
      {"likeness", train::name_of(a.likeness)},
      {"separation", nullptr}};
  if (const auto& s = a.separation)
    j["separation"] = {
        {"pictures", s->pictures},
        {"classes", s->classes},
        {"right", s->right},
        {"chance", s->chance()},
        {"closed", s->closed()}};
  return j;
}

}  // namespace fovea::cli
