// fovea predict: what a model sees in pictures.
#include <cstdio>
#include <memory>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "cli/model_flags.h"
#include "cli/pictures.h"
#include "cli/verb.h"
#include "fovea/image/decode.h"
#include "fovea/train/evaluate.h"

namespace fovea::cli {

namespace {

struct Options {
  std::string model;
  OpenFlags open;
  std::vector<std::string> inputs;
  int top = 3;
  int64_t batch = 32;
};

image::Image read_picture(const std::string& file, const image::DecodeOptions& how) {
  if (file != "-") return image::load(file, how);
  std::vector<uint8_t> bytes;
  uint8_t block[1 << 16];
  while (size_t n = std::fread(block, 1, sizeof block, stdin))
    bytes.insert(bytes.end(), block, block + n);
  return image::decode(bytes, how, "standard input");
}

void print_one(
    const Globals& g,
    const models::Model& model,
    const std::string& file,
    const train::Prediction& p) {
  if (g.json) {
    nlohmann::ordered_json j{{"file", file}, {"top", nlohmann::ordered_json::array()}};
    for (size_t k = 0; k < p.classes.size(); ++k)
      j["top"].push_back(
          {{"class", model.classes[size_t(p.classes[k])]}, {"probability", p.probabilities[k]}});
    print(j.dump() + "\n");
    return;
  }
  std::string line = file;
  for (size_t k = 0; k < p.classes.size(); ++k)
    line +=
        fmt::format("  {} {:.1f} %", model.classes[size_t(p.classes[k])], 100 * p.probabilities[k]);
  print(line + "\n");
}

int run(const Options& o, const Globals& g) {
  models::Model model = o.open.open(o.model);
  std::vector<std::string> files = picture_files(o.inputs), names;
  std::vector<image::Image> pictures;
  int64_t bad = 0;
  data::Preprocess rest = model.preprocess;  // what is left to do to pictures that were resized
  rest.resize = data::Preprocess::Resize::none;
  auto flush = [&] {
    if (pictures.empty()) return;
    auto predictions = train::predict(model, rest.apply(pictures), o.top);
    for (size_t i = 0; i < names.size(); ++i) print_one(g, model, names[i], predictions[i]);
    names.clear();
    pictures.clear();
  };
  for (const std::string& file : files) {
    try {
      pictures.push_back(
          model.preprocess.geometry(read_picture(file, model.preprocess.decode_options())));
      names.push_back(file);
    } catch (const std::exception& e) {  // the others are still worth predicting
      tell(g, e.what());
      ++bad;
    }
    if (int64_t(pictures.size()) == o.batch) flush();
  }
  flush();
  if (bad) tell(g, fmt::format("{} of {} pictures could not be used", bad, files.size()));
  return bad ? int(bad_data) : int(ok);
}

}  // namespace

Verb predict_verb() {
  return {
      "predict",
      "Name what is in pictures",
      {"fovea predict runs/convnet-digits/model.safetensors photo.jpg",
       "fovea predict model.safetensors photos/ --top 5 --json",
       "fovea predict squeezenet.onnx photo.jpg --preprocess imagenet --class-names classes.txt",
       "cat photo.jpg | fovea predict model.safetensors -"},
      [](CLI::App& app) {
        auto o = std::make_shared<Options>();
        app.add_option("model", o->model, "A model file, or an .onnx file")
            ->type_name("MODEL")
            ->required();
        o->open.add_to(app);
        app.add_option("inputs", o->inputs, "Pictures, folders of them, or - for standard input")
            ->type_name("FILE|DIR|-")
            ->required();
        app.add_option("--top", o->top, "How many classes to name")->check(positive());
        app.add_option("--batch", o->batch, "Pictures per step")->check(positive());
        return [o](const Globals& g) { return run(*o, g); };
      }};
}

}  // namespace fovea::cli
