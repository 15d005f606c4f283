// fovea predict: what a model sees in pictures.
#include <cstdio>
#include <memory>
#include <new>
#include <optional>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "cli/json_text.h"
#include "cli/model_flags.h"
#include "cli/pictures.h"
#include "cli/verb.h"
#include "cli/view_flags.h"
#include "fovea/core/text.h"
#include "fovea/image/decode.h"
#include "fovea/train/evaluate.h"
#include "fovea/train/mc_dropout.h"

namespace fovea::cli {

namespace {

struct Options {
  std::string model;
  OpenFlags open;
  std::vector<std::string> inputs;
  int top = 3;
  int64_t batch = 32;
  int draws = 0;  // of Monte-Carlo dropout
  ViewFlags views;
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
    for (size_t k = 0; k < p.classes.size(); ++k) {
      nlohmann::ordered_json one{
          {"class", model.classes[size_t(p.classes[k])]}, {"probability", p.probabilities[k]}};
      if (!p.spreads.empty()) one["spread"] = p.spreads[k];
      j["top"].push_back(std::move(one));
    }
    if (!p.maps.empty()) j["maps"] = p.maps;
    print(json_text(j, true));
    return;
  }
  std::string line = file;
  for (size_t k = 0; k < p.classes.size(); ++k) {
    std::string spread = p.spreads.empty() ? "" : fmt::format(" +- {:.1f}", 100 * p.spreads[k]);
    line += fmt::format(
        "  {} {:.1f}{} %", model.classes[size_t(p.classes[k])], 100 * p.probabilities[k], spread);
  }
  print(line + "\n");
}

// What to say of pictures whose views do not fit into memory.
std::string out_of_memory(const std::string& files, const Options& o) {
  const std::string cause =
      o.views.scales.empty()
          ? std::string("a smaller picture or --batch needs less")
          : fmt::format(
                "--scales {} enlarges pictures: a smaller one, or a smaller --batch, needs less",
                fmt::join(o.views.scales, ","));
  return fmt::format("{}: out of memory; {}", files, cause);
}

int run(const Options& o, const Globals& g) {
  if (o.draws == 1)
    throw std::invalid_argument(
        "--mc-dropout: expected at least 2 draws, whose spread can be given, got 1");
  const models::Model model = o.views.fitted(o.open.open(o.model));
  const data::Views views(model.preprocess, o.views.options());
  o.views.tell_of(views, g);
  if (o.draws > 0 && o.views.options() != data::ViewOptions())
    throw std::invalid_argument(
        "--mc-dropout judges one view of each picture: give it without --views, --scales and "
        "--dense");
  std::optional<train::ViewScores> scores;
  if (o.draws == 0) scores.emplace(model, views);
  std::vector<std::string> files = picture_files(o.inputs), names;
  data::ViewBatch pictures(views);
  int64_t bad = 0;
  uint64_t batches = 0;
  auto judge = [&] {
    auto predictions = o.draws > 0 ? train::predict_sampled(
                                         model, pictures, o.top, o.draws, Key(1).fold_in(batches++))
                                   : train::predict(*scores, pictures, o.top);
    for (size_t i = 0; i < names.size(); ++i) print_one(g, model, names[i], predictions[i]);
    names.clear();
  };
  auto flush = [&] {
    try {
      judge();
    } catch (const train::NonFiniteScores& e) {
      throw std::runtime_error(fmt::format("{}: {}", names[size_t(e.picture())], e.what()));
    } catch (const std::bad_alloc&) {
      throw std::runtime_error(out_of_memory(list_of(names, 3), o));
    }
  };
  for (const std::string& file : files) {
    try {
      pictures.add(read_picture(file, views.decode_options()));
      names.push_back(file);
    } catch (const std::bad_alloc&) {
      tell(g, out_of_memory(file, o));
      ++bad;
    } catch (const std::exception& e) {  // the others are still worth predicting
      tell(g, e.what());
      ++bad;
    }
    if (pictures.size() == views.pictures(o.batch)) flush();
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
       "fovea predict model.safetensors photo.jpg --views ten-crop --scales 256,384",
       "fovea predict model.safetensors photo.jpg --mc-dropout 50",
       "fovea predict model.safetensors photo.jpg --dense --scales 384 --json",
       "cat photo.jpg | fovea predict model.safetensors -"},
      [](Arguments& app) {
        auto o = std::make_shared<Options>();
        o->open.add_to(app, o->model);
        app.add_option("inputs", o->inputs, "Pictures, folders of them, or - for standard input")
            ->type_name("FILE|DIR|-")
            ->required();
        app.add_option("--top", o->top, "How many classes to name")->check(positive());
        app.add_option("--batch", o->batch, "Pictures per step, views counted")->check(positive());
        app.add_option(
               "--mc-dropout",
               o->draws,
               "Leave dropout on, judge each picture so many times, and give mean and spread")
            ->type_name("N")
            ->check(positive());
        o->views.add_to(app);
        return [o](const Globals& g) { return run(*o, g); };
      }};
}

}  // namespace fovea::cli
