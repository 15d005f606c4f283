#include "cli/finetune_flags.h"

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
  app.add_option("--stages", how.stages, "How many stages before the head --mode last trains")
      ->check(positive())
      ->capture_default_str();
  app.add_option("--head-epochs", how.head_epochs, "First epochs that train the new head alone")
      ->check(not_negative())
      ->capture_default_str();
  app.add_option(
         "--stage-lr",
         how.stage_lr,
         "Learning rate of each stage as a share of the next one's, nearer to the head")
      ->check(positive())
      ->capture_default_str();
}

train::Finetuning FinetuneFlags::plan(
    train::Config config, const std::string& model, const Globals& g) const {
  if (!config.is_set("data.source"))
    throw std::invalid_argument("--data is required: your own pictures, a folder per class");
  config.set("model.from", model, "MODEL");
  config.set("model.head", "linear", "finetune");
  if (!preprocess.empty())
    config.set("model.preprocess", preprocess_text(preprocess), "--preprocess");
  train::Finetuning plan = train::plan_finetuning(std::move(config), mode, how);
  for (const std::string& text : plan.notes) tell(g, "note: " + text);
  return plan;
}

}  // namespace fovea::cli
