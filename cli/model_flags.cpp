#include "cli/model_flags.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "fovea/core/errors.h"
#include "fovea/models/registry.h"

namespace fovea::cli {

namespace {

// Throws IoError.
std::vector<std::string> lines_of(const std::string& path) {
  std::ifstream file(path);
  if (!file) throw IoError(path, fmt::format("cannot be read: {}", std::strerror(errno)));
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) {
    if (line.ends_with('\r')) line.pop_back();
    lines.push_back(line);
  }
  if (file.bad()) throw IoError(path, "reading it failed");
  return lines;
}

}  // namespace

void add_preprocess_to(Arguments& app, std::string& preprocess, const std::string& of) {
  app.add_option(
         "--preprocess", preprocess, of + ": imagenet, caffe, unit, signed, bytes, or a .json file")
      ->type_name("NAME|FILE");
}

std::string preprocess_text(const std::string& preprocess) {
  if (!preprocess.ends_with(".json")) return preprocess;
  const std::string text = fmt::format("{}", fmt::join(lines_of(preprocess), "\n"));
  try {
    data::Preprocess::from_json(text);
  } catch (const std::invalid_argument& e) {
    throw IoError(preprocess, e.what());
  }
  return text;
}

void OpenFlags::add_description_to(Arguments& app, const std::string& of) {
  add_preprocess_to(app, preprocess, of);
  app.add_option("--class-names", class_names, "Its classes, a line each")->type_name("FILE");
}

void OpenFlags::add_to(Arguments& app, std::string& model) {
  app.add_option("model", model, "A model file, or an .onnx file")->type_name("MODEL")->required();
  add_description_to(app, "How pictures become the input of an .onnx file that does not record it");
  app.add_option("--size", size, "Height and width of its input, if it takes any")
      ->check(positive());
}

onnx::OpenOptions OpenFlags::options() const {
  onnx::OpenOptions o{.preprocess = preprocess_text(preprocess), .height = size, .width = size};
  if (!class_names.empty()) o.classes = lines_of(class_names);
  return o;
}

models::Model OpenFlags::open(const std::string& path) const { return onnx::open(path, options()); }

void ModelFlags::add_to(Arguments& app) {
  app.add_option("model", model, "A name of `fovea models`, a model file, or an .onnx file")
      ->type_name("NAME|MODEL")
      ->required();
  app.add_flag("--train", train, "Whole training steps instead of inference");
  app.add_option("--batch", batch, "Pictures at once (1; with --train 32)")->check(positive());
  app.add_option("--input", input, "Height, width and channels of the input")
      ->expected(3)
      ->check(positive());
  app.add_option("--classes", classes, "Number of classes")->check(positive());
}

models::Model measured_model(
    const std::string& name, const std::vector<int64_t>& input, int64_t classes) {
  std::error_code error;
  if (std::filesystem::exists(name, error)) {
    if (classes)
      throw std::invalid_argument(
          fmt::format("--classes is for networks by their names; {} has classes already", name));
    onnx::OpenOptions o{.classifies = false};
    if (!input.empty()) {
      o.height = input[0];
      o.width = input[1];
    }
    models::Model m = onnx::open(name, o);
    if (!input.empty() && m.architecture.input != Shape(input))
      throw std::invalid_argument(fmt::format(
          "{} takes inputs of {}; leave out --input, or give that",
          name,
          m.architecture.input.str()));
    return m;
  }
  if (name.find_first_of("./") != std::string::npos)  // as no network's name has
    throw IoError(
        name,
        "there is no such file; give a model file, an .onnx file, or a name of `fovea models`");
  const models::Entry& e = models::find(name);
  models::Model m;
  m.architecture = {
      .name = name,
      .input = input.empty() ? e.input : Shape(input),
      .classes = classes ? classes : e.classes,
      .layers = {}};
  m.preprocess.channels = int(m.architecture.input[2]);
  m.net = models::build(m.architecture);
  return m;
}

models::Model ModelFlags::load() const {
  models::Model m = measured_model(model, input, classes);
  if (m.one_by_one && pictures() > 1)
    throw std::invalid_argument(fmt::format("{} takes one picture at a time: --batch 1", model));
  if (!std::filesystem::exists(model)) nn::initialize(*m.net, Key(1));
  return m;
}

int64_t ModelFlags::pictures() const {
  if (batch > 0) return batch;
  return train ? 32 : 1;
}

}  // namespace fovea::cli
