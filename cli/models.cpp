// fovea models: the table of networks, and the layers of one, as a table and as a picture.
#include <filesystem>
#include <memory>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "cli/json_text.h"
#include "cli/model_flags.h"
#include "cli/output_file.h"
#include "cli/verb.h"
#include "fovea/core/atomic_file.h"
#include "fovea/models/registry.h"
#include "fovea/models/summary.h"
#include "fovea/report/table.h"
#include "fovea/train/network_figure.h"

namespace fovea::cli {

namespace {

struct Options {
  std::string name, svg;
  std::vector<int64_t> input;
  int64_t classes = 0;
};

nlohmann::ordered_json json_of(const models::Counterpart& c) {
  if (c.model.empty()) return nullptr;
  return {{"model", c.model}, {"weights", c.weights}};
}

// "torchvision vgg11 (VGG11_Weights.IMAGENET1K_V1)", a line for each library that has the network.
std::string elsewhere(const models::Entry& e) {
  std::string text;
  for (auto [library, c] : {std::pair{"torchvision", e.torchvision}, {"timm", e.timm}})
    if (!c.model.empty()) text += fmt::format("{} {} ({})\n", library, c.model, c.weights);
  return text;
}

int list_all(const Globals& g) {
  nlohmann::ordered_json j = nlohmann::ordered_json::array();
  report::Table table;
  table.columns = {"name", "input", "parameters", "multiply-adds", "paper"};
  for (const models::Entry& e : models::all()) {
    auto net = e.make({.classes = e.classes, .input = e.input});
    models::Summary s = models::summarize(*net, e.input);
    std::vector<int64_t> input(e.input.begin(), e.input.end());
    j.push_back(
        {{"name", e.name},
         {"input", input},
         {"classes", e.classes},
         {"parameters", s.parameters},
         {"multiply_adds", int64_t(s.macs)},
         {"paper", e.paper},
         {"torchvision", json_of(e.torchvision)},
         {"timm", json_of(e.timm)}});
    table.rows.push_back(
        {std::string(e.name),
         fmt::format("{}x{}x{}", e.input[0], e.input[1], e.input[2]),
         report::short_count(double(s.parameters)),
         report::short_count(s.macs),
         std::string(e.paper)});
  }
  print(g.json ? json_text(j) : report::text_table(table));
  return ok;
}

void print_layers(const models::Summary& s, const std::string& title, const Globals& g) {
  if (g.json) {
    nlohmann::ordered_json j{
        {"name", title},
        {"parameters", s.parameters},
        {"multiply_adds", int64_t(s.macs)},
        {"values", s.values}};
    for (const models::LayerRow& r : s.layers)
      j["layers"].push_back(
          {{"path", r.path},
           {"op", r.op},
           {"output", std::vector<int64_t>(r.output.begin() + 1, r.output.end())},
           {"values", r.values},
           {"parameters", r.parameters},
           {"multiply_adds", int64_t(r.macs)}});
    print(json_text(j));
    return;
  }
  report::Table table;
  table.columns = {"layer", "op", "output", "memory", "parameters", "multiply-adds"};
  for (const models::LayerRow& r : s.layers) {
    std::string shape;
    for (int i = 1; i < r.output.rank(); ++i)
      shape += fmt::format("{}{}", i > 1 ? "x" : "", r.output[i]);
    table.rows.push_back(
        {r.path,
         r.op,
         shape,
         report::short_count(double(r.values)),
         r.parameters ? std::to_string(r.parameters) : "0",
         r.macs > 0 ? report::short_count(r.macs) : "0"});
  }
  print(fmt::format("{}\n\n{}\n", title, report::text_table(table)));
  print(fmt::format(
      "{} parameters ({:.1f} MB), {} multiply-adds\n{} values of memory a picture ({:.1f} MB "
      "forward, about twice that in training)\n",
      s.parameters,
      double(s.parameters) * 4e-6,
      report::short_count(s.macs),
      report::short_count(double(s.values)),
      double(s.values) * 4e-6));
}

void draw(
    nn::Module& net,
    const train::NetworkFigureOptions& figure,
    const Options& o,
    const Globals& g) {
  if (o.svg.empty()) return;
  write_file_atomic(o.svg, report::network_chart(train::network_figure(net, figure)).markup + "\n");
  tell(g, file_line("picture", o.svg));
}

int run(const Options& o, const Globals& g) {
  if (o.name.empty() && !o.svg.empty())
    throw std::invalid_argument(
        "--svg draws one network: name it, as in fovea models resnet18 --svg resnet18.svg");
  if (o.name.empty()) return list_all(g);
  check_output("--svg", o.svg, {".svg"});
  const models::Model m = measured_model(o.name, o.input, o.classes);
  const Shape& input = m.architecture.input;
  std::error_code error;
  const bool is_file = std::filesystem::exists(o.name, error);
  const models::Entry* e = is_file ? nullptr : &models::find(o.name);
  const std::string paper(e ? e->paper : "");
  draw(*m.net, {.title = o.name, .source = paper, .input = input}, o, g);
  print_layers(
      models::summarize(*m.net, input), e ? fmt::format("{}: {}", o.name, paper) : o.name, g);
  if (e && !g.json) print(elsewhere(*e));
  return ok;
}

}  // namespace

Verb models_verb() {
  return {
      "models",
      "List the networks, or the layers of one, and draw it",
      {"fovea models",
       "fovea models resnet18",
       "fovea models googlenet --svg googlenet.svg",
       "fovea models lenet5 --input 32 32 1 --json",
       "fovea models runs/convnet-digits/model.safetensors"},
      [](Arguments& app) {
        auto o = std::make_shared<Options>();
        app.add_option("name", o->name, "A name of the table, a model file, or an .onnx file")
            ->type_name("NAME|MODEL");
        app.add_option("--input", o->input, "Height, width and channels of the input")
            ->expected(3)
            ->check(positive());
        app.add_option("--classes", o->classes, "Number of classes")->check(positive());
        app.add_option("--svg", o->svg, "Draw the network into this file, too")
            ->type_name("FILE.svg");
        return [o](const Globals& g) { return run(*o, g); };
      }};
}

}  // namespace fovea::cli
