// fovea bench: how fast a network runs here, layer by layer.
#include <filesystem>
#include <memory>

#include "cli/step_profile.h"
#include "cli/verb.h"
#include "fovea/models/registry.h"

namespace fovea::cli {

namespace {

struct Options {
  std::string model, html;
  std::vector<int64_t> input;
  int64_t batch = 0, classes = 0;
  int steps = 10;
  bool train = false;
};

models::Model model_of(const Options& o) {
  if (std::filesystem::exists(o.model)) return models::load_model(o.model);
  const models::Entry& e = models::find(o.model);
  models::Model m;
  m.architecture = {
      .name = o.model,
      .input = o.input.empty() ? e.input : Shape(o.input),
      .classes = o.classes ? o.classes : e.classes,
      .layers = {}};
  m.net = models::build(m.architecture);
  nn::initialize(*m.net, Key(1));
  return m;
}

int run(const Options& o, const Globals& g) {
  models::Model model = model_of(o);
  const train::ProfileOptions options{
      .batch = o.batch   ? o.batch
               : o.train ? 32
                         : 1,
      .steps = o.steps};
  print_profile(
      o.train ? train::profile_training(model, options) : train::profile_inference(model, options),
      o.html,
      g);
  return ok;
}

}  // namespace

Verb bench_verb() {
  return {
      "bench",
      "Measure how fast a network runs here, layer by layer",
      {"fovea bench resnet50",
       "fovea bench resnet18_cifar --train --batch 32",
       "fovea bench runs/convnet-digits/model.safetensors --batch 8 --html bench.html"},
      [](CLI::App& app) {
        auto o = std::make_shared<Options>();
        app.add_option("model", o->model, "A name of `fovea models`, or a model file")
            ->type_name("NAME|MODEL")
            ->required();
        app.add_flag("--train", o->train, "Whole training steps instead of inference");
        app.add_option("--batch", o->batch, "Pictures at once (1; with --train 32)")
            ->check(positive());
        app.add_option("--input", o->input, "Height, width and channels of the input")
            ->expected(3)
            ->check(positive());
        app.add_option("--classes", o->classes, "Number of classes")->check(positive());
        app.add_option("--steps", o->steps, "Steps to take the median of")->check(positive());
        app.add_option("--html", o->html, "Also write a page with charts")->type_name("FILE");
        return [o](const Globals& g) { return run(*o, g); };
      }};
}

}  // namespace fovea::cli
