#include "cli/model_flags.h"

#include <filesystem>

#include "fovea/models/registry.h"

namespace fovea::cli {

void ModelFlags::add_to(CLI::App& app) {
  app.add_option("model", model, "A name of `fovea models`, or a model file")
      ->type_name("NAME|MODEL")
      ->required();
  app.add_flag("--train", train, "Whole training steps instead of inference");
  app.add_option("--batch", batch, "Pictures at once (1; with --train 32)")->check(positive());
  app.add_option("--input", input, "Height, width and channels of the input")
      ->expected(3)
      ->check(positive());
  app.add_option("--classes", classes, "Number of classes")->check(positive());
}

models::Model ModelFlags::load() const {
  if (std::filesystem::exists(model)) return models::load_model(model);
  const models::Entry& e = models::find(model);
  models::Model m;
  m.architecture = {
      .name = model,
      .input = input.empty() ? e.input : Shape(input),
      .classes = classes ? classes : e.classes,
      .layers = {}};
  m.preprocess.channels = int(m.architecture.input[2]);
  m.net = models::build(m.architecture);
  nn::initialize(*m.net, Key(1));
  return m;
}

int64_t ModelFlags::pictures() const {
  if (batch > 0) return batch;
  return train ? 32 : 1;
}

}  // namespace fovea::cli
