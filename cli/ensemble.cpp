// fovea ensemble: several models as one.
#include "fovea/models/ensemble.h"

#include <algorithm>
#include <filesystem>
#include <memory>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "cli/json_text.h"
#include "cli/output_file.h"
#include "cli/verb.h"
#include "fovea/core/errors.h"
#include "fovea/train/run_folder.h"

namespace fovea::cli {

namespace {

namespace fs = std::filesystem;

struct Options {
  std::vector<std::string> inputs;
  std::string out;
  bool average = false;
};

// Model files as given; for the folder of a run, its snapshots in the order of their epochs.
std::vector<std::string> model_files(const std::vector<std::string>& inputs) {
  std::vector<std::string> files;
  for (const std::string& input : inputs) {
    if (!fs::is_directory(input)) {
      files.push_back(input);
      continue;
    }
    const std::vector<std::string> found = train::snapshot_files(input);
    if (found.empty())
      throw IoError(
          input, "no snapshots in it; train with --set train.snapshots=N to keep N of them");
    files.insert(files.end(), found.begin(), found.end());
  }
  return files;
}

int run(const Options& o, const Globals& g) {
  check_output("--out", o.out, {".safetensors"});
  std::vector<models::NamedModel> members;
  const std::vector<std::string> files = model_files(o.inputs);
  for (const std::string& file : files) members.push_back({file, models::load_model(file)});
  models::Model model = o.average ? models::average_weights(std::move(members))
                                  : models::make_ensemble(std::move(members));
  models::save_model(o.out, model);
  const int64_t parameters = nn::count_parameters(*model.net);
  if (o.average && !nn::state(*model.net).empty())
    tell(
        g,
        "note: batch norm's running statistics are averaged with the weights, and so are near to "
        "those of the new network but not measured on it");
  const nlohmann::ordered_json j{
      {"out", o.out},
      {"average", o.average ? "weights" : "probabilities"},
      {"members", files},
      {"parameters", parameters}};
  print(
      g.json ? json_text(j)
             : fmt::format(
                   "{}: the mean {} of {} models, {} parameters\n",
                   o.out,
                   o.average ? "weights" : "probabilities",
                   files.size(),
                   parameters));
  return ok;
}

}  // namespace

Verb ensemble_verb() {
  return {
      "ensemble",
      "Make one model of several",
      {"fovea ensemble a.safetensors b.safetensors --out both.safetensors",
       "fovea ensemble runs/convnet-digits --out snapshots.safetensors",
       "fovea ensemble runs/convnet-digits --average --out mean.safetensors"},
      [](Arguments& app) {
        auto o = std::make_shared<Options>();
        app.add_option("models", o->inputs, "Model files, or folders of runs with snapshots")
            ->type_name("MODEL|RUN")
            ->required();
        app.add_option("--out", o->out, "The model file to write")
            ->type_name("FILE.safetensors")
            ->required();
        app.add_flag(
            "--average",
            o->average,
            "Average the weights, of one architecture, instead of the probabilities");
        return [o](const Globals& g) { return run(*o, g); };
      }};
}

}  // namespace fovea::cli
