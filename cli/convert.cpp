// fovea convert: weights from one kind of file into another.
#include <memory>
#include <optional>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "cli/json_text.h"
#include "cli/model_flags.h"
#include "cli/output_file.h"
#include "cli/verb.h"
#include "cli/weight_files.h"
#include "cli/weight_fit.h"
#include "fovea/core/text.h"
#include "fovea/formats/onnx.h"
#include "fovea/models/model_file.h"
#include "fovea/models/registry.h"
#include "fovea/onnx/save.h"

namespace fovea::cli {

namespace {

struct Options {
  std::string in, out, model, key;
  std::vector<int64_t> input;
  int64_t classes = 0;
  bool partial = false;
  OpenFlags whole;  // what a whole model has beside its weights
};

// The network that --model names.
models::Architecture architecture_of(const Options& o) {
  const models::Entry& e = models::find(o.model);
  return {
      .name = o.model,
      .input = o.input.empty() ? e.input : Shape(o.input),
      .classes = o.classes ? o.classes : e.classes,
      .layers = {}};
}

// Adds what makes it a whole model.
void complete(models::Model& model, const Options& o) {
  models::check_classifies(*model.net, model.architecture);
  const Shape& in = model.architecture.input;
  const onnx::OpenOptions given = o.whole.options();
  model.preprocess = data::Preprocess::named(given.preprocess, int(in[0]), int(in[1]), int(in[2]));
  const int64_t n = model.architecture.classes;
  model.classes = given.classes.empty() ? models::numbered_classes(n) : given.classes;
  if (int64_t(model.classes.size()) != n)
    throw std::invalid_argument(
        fmt::format("--class-names: expected {} names, got {}", n, model.classes.size()));
}

// A whole model, not weights alone: its graph is what ONNX holds.
int to_onnx(const Options& o, const Globals& g) {
  if (!o.model.empty() || o.classes || !o.input.empty() || o.partial || o.whole.given())
    throw std::invalid_argument(
        "an .onnx file is written from a fovea model, which brings its network: leave out --model, "
        "--classes, --input, --partial, --preprocess and --class-names");
  const models::Model model = models::load_model(o.in);
  const onnx::SaveReport report = onnx::save(model, o.out);
  const nlohmann::ordered_json j{
      {"in", o.in},
      {"out", o.out},
      {"nodes", report.nodes},
      {"difference", report.difference},
      {"written", true}};
  print(
      g.json ? json_text(j)
             : fmt::format(
                   "{}: {} nodes; read again, its scores differ by {:.1e} of the largest\n",
                   o.out,
                   report.nodes,
                   report.difference));
  return ok;
}

// Whether an ONNX file becomes a model with its graph: where it is known how pictures become its
// input.
bool takes_graph(const Options& o) {
  return o.model.empty() && onnx::is_onnx(o.in) && o.out.ends_with(".safetensors") &&
         (o.whole.given() || formats::read_onnx(o.in).metadata.contains("preprocess"));
}

int from_onnx(const Options& o, const Globals& g) {
  if (o.classes || o.partial)
    throw std::invalid_argument("--classes and --partial need --model NAME");
  onnx::OpenOptions how = o.whole.options();
  how.batches = true;
  if (!o.input.empty()) {
    how.height = o.input[0];
    how.width = o.input[1];
  }
  models::Model model = onnx::open(o.in, how);
  models::save_model(o.out, model);
  const auto numbers = nn::count_parameters(*model.net);
  const nlohmann::ordered_json j{
      {"in", o.in},
      {"out", o.out},
      {"parameters", numbers},
      {"classes", model.classes.size()},
      {"whole", true},
      {"written", true}};
  print(
      g.json ? json_text(j)
             : fmt::format(
                   "{}: a whole model, with the graph of {}: {} parameters, {} classes\n",
                   o.out,
                   o.in,
                   numbers,
                   model.classes.size()));
  return ok;
}

// What was read, a line and those that it gives rise to.
std::string text_of(const WeightFile& file, const Options& o, const WeightFormat& from) {
  const auto list = [](const std::vector<std::string>& names, const char* quote) {
    std::vector<std::string> quoted;
    for (const std::string& name : names) quoted.push_back(quote + printable(name) + quote);
    return list_of(quoted);
  };
  std::string text = fmt::format(
      "{}: {} tensors, {} numbers, {}{}\n",
      o.in,
      file.tensors.size(),
      numel_of(file.tensors),
      from.what,
      file.key.empty() ? "" : fmt::format(", under \"{}\"", printable(file.key)));
  if (!file.skipped.empty())
    text += fmt::format("  without a tensor, left out: {}\n", list(file.skipped, ""));
  if (!file.others.empty())
    text += fmt::format("  --key NAME would take {} instead\n", list(file.others, "\""));
  return text;
}

void check_options(const Options& o) {
  if (o.model.empty() && (o.classes || !o.input.empty() || o.partial || o.whole.given()))
    throw std::invalid_argument(
        "--classes, --input, --partial, --preprocess and --class-names need --model NAME");
  if (o.whole.preprocess.empty() && !o.whole.class_names.empty())
    throw std::invalid_argument("--class-names is for a whole model, which needs --preprocess");
}

int run(const Options& o, const Globals& g) {
  check_output("OUT", o.out);
  if (const WeightFormat* f = o.key.empty() ? nullptr : &format_to_read(o.in); f && !f->keys)
    throw std::invalid_argument(fmt::format(
        "--key is for checkpoints of PyTorch, whose weights lie under a name; {} is {}: leave it "
        "out",
        o.in,
        f->what));
  if (o.out.ends_with(".onnx")) return to_onnx(o, g);
  if (takes_graph(o)) return from_onnx(o, g);
  check_options(o);
  const WeightFormat &from = format_to_read(o.in), &to = format_to_write(o.out);
  if (!o.whole.preprocess.empty() && to.suffix != ".safetensors")
    throw std::invalid_argument("a whole model is a .safetensors file; leave out --preprocess");
  WeightFile file = from.read(o.in, o.key);
  nlohmann::ordered_json j{
      {"in", o.in}, {"out", o.out}, {"key", file.key}, {"tensors", file.tensors.size()}};
  std::string text = text_of(file, o, from), refusal;
  j["skipped"] = file.skipped;
  j["others"] = file.others;
  std::optional<WeightFit> fit;
  if (!o.model.empty()) {
    fit = fit_weights(
        architecture_of(o),
        file.tensors,
        from.graph ? std::optional(from.graph(o.in)) : std::nullopt);
    refusal = fit->refusal(o.partial);
    text += fit->str();
    if (fit->match && fit->report.complete()) j["difference"] = fit->match->difference;
    j["model"] = o.model;
    j["loaded"] = fit->report.loaded;
    j["prefix"] = fit->report.prefix;
    j["missing"] = fit->report.missing;
    j["unexpected"] = fit->report.unused;
    j["mismatched"] = fit->report.mismatched;
    j["notes"] = fit->notes;
  }
  const bool writes = refusal.empty();
  const bool whole = writes && !o.whole.preprocess.empty();
  if (whole) {
    complete(fit->model, o);
    models::save_model(o.out, fit->model);
  } else if (writes) {
    if (fit) file = {.tensors = nn::export_tree(*fit->model.net)};
    to.write(o.out, file);
  }
  j["whole"] = whole;
  j["written"] = writes;
  text += whole    ? fmt::format("{}: a whole model\n", o.out)
          : writes ? fmt::format("{}: {} tensors written\n", o.out, file.tensors.size())
                   : fmt::format("nothing written: {}\n", refusal);
  print(g.json ? json_text(j) : text);
  return writes ? ok : check_failed;
}

}  // namespace

Verb convert_verb() {
  return {
      "convert",
      "Turn weights from one kind of file into another",
      {"fovea convert resnet18.pth resnet18.safetensors --model resnet18",
       "fovea convert checkpoint.pth.tar ema.safetensors --key state_dict_ema",
       "fovea convert model.safetensors weights.npz",
       "fovea convert runs/convnet-digits/model.safetensors model.onnx",
       "fovea convert net.onnx model.safetensors --preprocess imagenet",
       "fovea convert squeezenet.prototxt squeezenet.safetensors --model squeezenet1_1 "
       "--input 227 227 3 --preprocess caffe --class-names synset_words.txt",
       "fovea convert resnet18.pth start.safetensors --model resnet18 --classes 10 --partial"},
      [](Arguments& app) {
        auto o = std::make_shared<Options>();
        app.add_option(
               "in",
               o->in,
               "Weights to read: .safetensors, .npz, PyTorch's .pth, .pt, .th, .bin, .ckpt, .pkl "
               "and "
               ".pth.tar, the .index.json of a sharded set, .onnx, .param with its .bin (ncnn), "
               ".prototxt with its .caffemodel")
            ->type_name("IN")
            ->required();
        app.add_option(
               "out", o->out, "The file to write: .safetensors, .npz, or .onnx of a fovea model")
            ->type_name("OUT")
            ->required();
        app.add_option(
               "--key",
               o->key,
               "Where in a PyTorch checkpoint the weights are, as model_ema or model.state_dict")
            ->type_name("NAME");
        app.add_option("--model", o->model, "Check them against this network of `fovea models`")
            ->type_name("NAME");
        app.add_option("--classes", o->classes, "Number of classes of --model")->check(positive());
        app.add_option("--input", o->input, "Height, width and channels of --model")
            ->expected(3)
            ->check(positive());
        o->whole.add_description_to(
            app, "Write a whole model, not weights alone: how pictures become its input");
        app.add_flag(
            "--partial", o->partial, "Write even if some do not fit --model; those begin new");
        return [o](const Globals& g) { return run(*o, g); };
      }};
}

}  // namespace fovea::cli
