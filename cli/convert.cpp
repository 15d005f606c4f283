// fovea convert: weights from one kind of file into another.
#include <memory>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "cli/verb.h"
#include "cli/weight_files.h"
#include "fovea/models/model_file.h"
#include "fovea/models/registry.h"
#include "fovea/onnx/save.h"

namespace fovea::cli {

namespace {

struct Options {
  std::string in, out, model;
  std::vector<int64_t> input;
  int64_t classes = 0;
  bool partial = false;
};

// Tensors of the file that fit but for the number of classes, which is the first extent of a head.
std::vector<std::string> head_notes(
    const nn::LoadReport& report, const Tree& tensors, int64_t classes) {
  std::vector<std::string> notes;
  for (const std::string& line : report.mismatched) {
    const std::string name = line.substr(0, line.find(": "));
    for (const auto& [key, t] : tensors)
      if ((key == name || key.ends_with("." + name)) && t.rank() > 0 && t.dim(0) != classes &&
          line.find(fmt::format("expected ({}", classes)) != line.npos) {
        notes.push_back(fmt::format(
            "{} {} does not fit {} classes; --classes {} would",
            name,
            t.shape().str(),
            classes,
            t.dim(0)));
        break;
      }
  }
  return notes;
}

// Takes the weights through the network of the table: checked, and under its names.
nn::LoadReport through_network(const Options& o, WeightFile& file, int64_t& classes) {
  const models::Entry& e = models::find(o.model);
  classes = o.classes ? o.classes : e.classes;
  auto net = models::build(
      {.name = o.model,
       .input = o.input.empty() ? e.input : Shape(o.input),
       .classes = classes,
       .layers = {}});
  nn::initialize(*net, Key(1));
  nn::LoadReport report = nn::load(*net, file.tensors, {.strict = false});
  if (report.complete() || o.partial) {
    file.tensors = nn::export_tree(*net);
    file.metadata = {};
  }
  return report;
}

// A whole model, not weights alone: its graph is what ONNX holds.
int to_onnx(const Options& o, const Globals& g) {
  if (!o.model.empty() || o.classes || !o.input.empty() || o.partial)
    throw std::invalid_argument(
        "an .onnx file is written from a fovea model, which brings its network: leave out --model, "
        "--classes, --input and --partial");
  const models::Model model = models::load_model(o.in);
  const onnx::SaveReport report = onnx::save(model, o.out);
  const nlohmann::ordered_json j{
      {"in", o.in},
      {"out", o.out},
      {"nodes", report.nodes},
      {"difference", report.difference},
      {"written", true}};
  print(
      g.json ? j.dump(2) + "\n"
             : fmt::format(
                   "{}: {} nodes; read again, its scores differ by {:.1e} of the largest\n",
                   o.out,
                   report.nodes,
                   report.difference));
  return ok;
}

int run(const Options& o, const Globals& g) {
  if (o.out.ends_with(".onnx")) return to_onnx(o, g);
  if (o.model.empty() && (o.classes || !o.input.empty() || o.partial))
    throw std::invalid_argument("--classes, --input and --partial need --model NAME");
  const WeightFormat &from = format_to_read(o.in), &to = format_to_write(o.out);
  WeightFile file = from.read(o.in);
  nlohmann::ordered_json j{
      {"in", o.in}, {"out", o.out}, {"key", file.key}, {"tensors", file.tensors.size()}};
  std::string text = fmt::format(
      "{}: {} tensors, {} numbers, {}{}\n",
      o.in,
      file.tensors.size(),
      numel_of(file.tensors),
      from.what,
      file.key.empty() ? "" : fmt::format(", under \"{}\"", file.key));
  if (!file.skipped.empty())
    text += fmt::format("  without a tensor, left out: {}\n", fmt::join(file.skipped, ", "));
  j["skipped"] = file.skipped;
  bool fits = true;
  if (!o.model.empty()) {
    const Tree given = file.tensors;
    int64_t classes = 0;
    const nn::LoadReport report = through_network(o, file, classes);
    fits = report.complete();
    text += fmt::format("{}: {}\n", o.model, report.str());
    const auto notes = head_notes(report, given, classes);
    for (const std::string& note : notes) text += "  " + note + "\n";
    j["model"] = o.model;
    j["loaded"] = report.loaded;
    j["missing"] = report.missing;
    j["unexpected"] = report.unused;
    j["mismatched"] = report.mismatched;
    j["notes"] = notes;
  }
  const bool writes = fits || o.partial;
  if (writes) to.write(o.out, file);
  j["written"] = writes;
  text += writes ? fmt::format("{}: {} tensors written\n", o.out, file.tensors.size())
                 : fmt::format(
                       "nothing written: the weights do not fit {}; --partial takes those that do "
                       "and starts the others new\n",
                       o.model);
  print(g.json ? j.dump(2) + "\n" : text);
  return writes ? ok : check_failed;
}

}  // namespace

Verb convert_verb() {
  return {
      "convert",
      "Turn weights from one kind of file into another",
      {"fovea convert resnet18.pth resnet18.safetensors --model resnet18",
       "fovea convert model.safetensors weights.npz",
       "fovea convert runs/convnet-digits/model.safetensors model.onnx",
       "fovea convert squeezenet.param squeezenet.safetensors",
       "fovea convert resnet18.pth start.safetensors --model resnet18 --classes 10 --partial"},
      [](CLI::App& app) {
        auto o = std::make_shared<Options>();
        app.add_option(
               "in",
               o->in,
               "Weights to read: .safetensors, .safetensors.index.json, .npz, .pth, .pt, .th, "
               ".param with "
               "its .bin (ncnn), .prototxt with its .caffemodel")
            ->type_name("IN")
            ->required();
        app.add_option(
               "out", o->out, "The file to write: .safetensors, .npz, or .onnx of a fovea model")
            ->type_name("OUT")
            ->required();
        app.add_option("--model", o->model, "Check them against this network of `fovea models`")
            ->type_name("NAME");
        app.add_option("--classes", o->classes, "Number of classes of --model")->check(positive());
        app.add_option("--input", o->input, "Height, width and channels of --model")
            ->expected(3)
            ->check(positive());
        app.add_flag(
            "--partial", o->partial, "Write even if some do not fit --model; those begin new");
        return [o](const Globals& g) { return run(*o, g); };
      }};
}

}  // namespace fovea::cli
