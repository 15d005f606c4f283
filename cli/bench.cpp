// fovea bench: how fast a network runs here, layer by layer.
#include <memory>

#include "cli/model_flags.h"
#include "cli/output_file.h"
#include "cli/step_profile.h"
#include "cli/verb.h"

namespace fovea::cli {

namespace {

struct Options {
  ModelFlags flags;
  std::string html;
  int steps = 10;
};

int run(const Options& o, const Globals& g) {
  check_output("--html", o.html, {".html"});
  models::Model model = o.flags.load();
  if (o.flags.train) models::check_classifies(*model.net, model.architecture);
  const train::ProfileOptions options{.batch = o.flags.pictures(), .steps = o.steps};
  print_profile(
      o.flags.train ? train::profile_training(model, options)
                    : train::profile_inference(model, options),
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
      [](Arguments& app) {
        auto o = std::make_shared<Options>();
        o->flags.add_to(app);
        app.add_option("--steps", o->steps, "Steps to take the median of")->check(positive());
        app.add_option("--html", o->html, "Also write a page with charts")->type_name("FILE.html");
        return [o](const Globals& g) { return run(*o, g); };
      }};
}

}  // namespace fovea::cli
