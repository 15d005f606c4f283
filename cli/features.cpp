// fovea features: what a network makes of pictures, as arrays for other programs.
#include <filesystem>
#include <memory>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "cli/json_text.h"
#include "cli/model_flags.h"
#include "cli/output_file.h"
#include "cli/verb.h"
#include "fovea/core/atomic_file.h"
#include "fovea/data/source.h"
#include "fovea/formats/npy.h"
#include "fovea/train/codes.h"

namespace fovea::cli {

namespace {

struct Options {
  std::string model, data, split, out = "features";
  OpenFlags open;
  train::CodesOptions how;
  bool whole = false;
};

int run(const Options& o, const Globals& g) {
  check_output("--out", o.out + ".npy");
  const models::Model model = o.open.open(o.model);
  const data::Source source = data::open(o.data, {.allow_missing_classes = true, .min_classes = 1});
  for (const std::string& text : source.notes) tell(g, "note: " + text);
  const data::DatasetPtr dataset = source.split(o.split);
  train::CodesOptions how = o.how;
  how.mean = !o.whole;
  const train::Codes codes = train::codes_of(model, dataset, how);
  std::string names;
  for (int64_t i : codes.indices) names += dataset->sample_name(i) + "\n";
  formats::write_npy(o.out + ".npy", codes.values);
  formats::write_npy(o.out + "-labels.npy", codes.labels);
  write_file_atomic(o.out + "-names.txt", names);
  const nlohmann::ordered_json j{
      {"features", o.out + ".npy"},
      {"labels", o.out + "-labels.npy"},
      {"names", o.out + "-names.txt"},
      {"classes", source.classes},
      {"shape", {codes.values.dim(0), codes.values.dim(1)}},
      {"skipped", codes.skipped}};
  print(
      g.json ? json_text(j)
             : fmt::format(
                   "{0}.npy has {1} features of each of {2} pictures{3}; {0}-labels.npy and "
                   "{0}-names.txt say which\n",
                   o.out,
                   codes.values.dim(1),
                   codes.values.dim(0),
                   codes.skipped ? fmt::format(", {} unreadable left out", codes.skipped) : ""));
  return ok;
}

}  // namespace

Verb features_verb() {
  return {
      "features",
      "Write what a layer makes of pictures as .npy",
      {"fovea features model.safetensors --data photos/",
       "fovea features model.safetensors --data photos/ --layer layer3 --out layer3"},
      [](Arguments& app) {
        auto o = std::make_shared<Options>();
        o->open.add_to(app, o->model);
        app.add_option("--data", o->data, "Pictures, as for train")
            ->type_name("SOURCE")
            ->required();
        app.add_option("--split", o->split, "Which split; by default test, else val, else train")
            ->check(one_of({"train", "val", "test"}));
        app.add_option(
               "--layer", o->how.layer, "A layer of `fovea models`; by default what the head reads")
            ->type_name("PATH");
        app.add_flag("--whole", o->whole, "Every value of a layer's maps instead of their means");
        app.add_option("--out", o->out, "Beginning of the files' names")
            ->type_name("PREFIX")
            ->capture_default_str();
        app.add_option("--batch", o->how.batch, "Pictures per step")->check(positive());
        app.add_option("--workers", o->how.workers, "Loader threads")->check(not_negative());
        return [o](const Globals& g) { return run(*o, g); };
      }};
}

}  // namespace fovea::cli
