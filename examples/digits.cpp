// From nothing to a trained classifier and its answer, on the digits that are built in.

#include <cstdio>

#include "fovea/data/source.h"
#include "fovea/models/model_file.h"
#include "fovea/train/evaluate.h"
#include "fovea/train/trainer.h"

using namespace fovea;

int main() {
  train::Config config = train::recipe_config();
  for (const char* setting : {"data.source=digits", "model.name=lenet5", "train.epochs=2"})
    config.set_expression(setting, "digits.cpp");
  train::TrainResult run = train::train(config, {.overwrite = true});

  models::Model model = models::load_model(run.folder + "/model.safetensors");
  image::Image picture = data::open("digits").test->image(0);  // or image::load("photo.jpg")
  train::Prediction answer = train::predict(model, {&picture, 1}, 1)[0];
  const std::string& name = model.classes[size_t(answer.classes[0])];
  std::printf("a %s, %.1f %% sure\n", name.c_str(), 100 * answer.probabilities[0]);
}
