// fovea parity: where two models begin to differ on the same pictures.
#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <optional>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "cli/json_text.h"
#include "cli/layer_outputs.h"
#include "cli/pictures.h"
#include "cli/verb.h"
#include "cli/weight_files.h"
#include "fovea/image/decode.h"
#include "fovea/models/graph_net.h"
#include "fovea/models/model_file.h"
#include "fovea/models/registry.h"
#include "fovea/onnx/graph.h"
#include "fovea/onnx/open.h"
#include "fovea/report/table.h"

namespace fovea::cli {

namespace {

struct Options {
  std::string a, b, model;
  std::vector<std::string> data;
  int64_t classes = 0, limit = 100, size = 0;
  double tolerance = 1e-4;
};

// One of the two: a whole model, or a network without preprocessing and names.
struct Side {
  models::Model model;
  bool whole = false;
};

Side load_side(const std::string& path, const Options& o) {
  Side side;
  if (onnx::is_onnx(path)) {
    side.model = onnx::open(path, {.height = o.size, .width = o.size, .classifies = false});
    const auto& graph = dynamic_cast<const onnx::Graph&>(*side.model.net);
    side.whole = graph.metadata().contains("preprocess");
    return side;
  }
  const WeightFormat& format = format_to_read(path);
  if (format.graph) {
    const formats::LayerGraph graph = format.graph(path);
    side.model.architecture.input = graph.input;
    side.model.net = models::build_graph(graph);
    return side;
  }
  const WeightFile file = format.read(path, {});
  if (file.metadata.contains("fovea")) {
    side.model = models::load_model(path);
    side.whole = true;
    return side;
  }
  if (o.model.empty())
    throw std::invalid_argument(
        fmt::format("{} holds weights alone; name their network by --model", path));
  const models::Entry& e = models::find(o.model);
  side.model.architecture = {
      .name = o.model,
      .input = e.input,
      .classes = o.classes ? o.classes : e.classes,
      .layers = {}};
  side.model.net = models::build(side.model.architecture);
  nn::load(*side.model.net, file.tensors);
  return side;
}

// What a side without preprocessing runs where the other has none either.
data::Preprocess plain_preprocess(const Shape& input) {
  data::Preprocess p;
  if (input.rank() != 3 || input[0] < 1 || input[1] < 1) return p;
  p.channels = int(input[2]);
  p.resize = data::Preprocess::Resize::stretch;
  p.height = int(input[0]);
  p.width = int(input[1]);
  return p;
}

void share_preprocess(Side& a, Side& b, const Options& o, const Globals& g) {
  auto borrow = [&](Side& to, const Side& from, const std::string& to_name) {
    to.model.preprocess = from.model.preprocess;
    tell(g, fmt::format("{} records no preprocessing: it gets the other's", to_name));
  };
  if (!a.whole && !b.whole) {
    a.model.preprocess = b.model.preprocess = plain_preprocess(a.model.architecture.input);
    tell(g, "neither file records its preprocessing: pictures are stretched and divided by 255");
  } else if (!a.whole) {
    borrow(a, b, o.a);
  } else if (!b.whole) {
    borrow(b, a, o.b);
  }
}

struct Stage {
  std::string name;
  double difference = 0;  // the largest over all pictures
  std::string what;       // why there is none, such as other shapes
  std::string picture;    // with that difference
};

// The largest difference of two lists, as a share of the largest number in them where that is over
// 1. A NaN on one side only counts as infinite.
double difference_of(const std::vector<double>& a, const std::vector<double>& b) {
  double most = 0, scale = 1;
  for (size_t i = 0; i < a.size(); ++i) {
    if (std::isnan(a[i]) && std::isnan(b[i])) continue;
    const double d = a[i] == b[i] ? 0 : std::abs(a[i] - b[i]);
    most = std::isnan(d) ? std::numeric_limits<double>::infinity() : std::max(most, d);
    for (double x : {a[i], b[i]})
      if (std::isfinite(x)) scale = std::max(scale, std::abs(x));
  }
  return most / scale;
}

// Whether they hold the same numbers in the same order but for axes of one.
bool alike(const Shape& a, const Shape& b) {
  auto longer = [](const Shape& s) {
    std::vector<int64_t> extents(s.begin(), s.end());
    std::erase(extents, 1);
    return extents;
  };
  return longer(a) == longer(b);
}

class Comparison {
 public:
  void add(const std::string& stage, const Tensor& a, const Tensor& b, const std::string& picture) {
    if (alike(a.shape(), b.shape()))
      return add(stage, difference_of(a.to_doubles(), b.to_doubles()), "", picture);
    add(stage,
        std::numeric_limits<double>::infinity(),
        fmt::format("{} against {}", a.shape().str(), b.shape().str()),
        picture);
  }
  // The nearest of those that may be the same.
  void add(const LayerPair& pair, const std::string& picture) {
    if (pair.a.size() == 1 && pair.b.size() == 1) {
      compares_layers_ |= pair.name != "output";
      return add(pair.name, pair.a[0], pair.b[0], picture);
    }
    double least = std::numeric_limits<double>::infinity();
    bool comparable = false;
    for (const Tensor& a : pair.a) {
      const std::vector<double> ours = a.to_doubles();
      for (auto b = pair.b.rbegin(); b != pair.b.rend() && least > 0; ++b) {
        if (!alike(b->shape(), a.shape())) continue;
        comparable = true;
        least = std::min(least, difference_of(ours, b->to_doubles()));
      }
    }
    if (!comparable) return;
    compares_layers_ = true;
    add(pair.name, least, "", picture);
  }
  void add(
      const std::string& stage,
      const image::Image& a,
      const image::Image& b,
      const std::string& picture) {
    add(stage, tensor_of(a), tensor_of(b), picture);
  }
  void add(
      const std::string& stage,
      double difference,
      const std::string& what,
      const std::string& picture) {
    auto known = std::ranges::find(stages_, stage, &Stage::name);
    if (known == stages_.end()) known = stages_.insert(stages_.end(), {stage, 0, "", ""});
    if (difference <= known->difference) return;
    *known = {stage, difference, what, picture};
  }
  const std::vector<Stage>& stages() const { return stages_; }
  bool compares_layers() const { return compares_layers_; }  // and not the output alone

 private:
  static Tensor tensor_of(const image::Image& i) {
    return Tensor::from(
        std::span<const uint8_t>(i.pixels.data(), i.pixels.size()),
        {i.height, i.width, i.channels});
  }
  std::vector<Stage> stages_;
  bool compares_layers_ = false;
};

void compare_one(
    const Side& a,
    const Side& b,
    const image::Image& of_a,
    const image::Image& of_b,
    const std::string& name,
    Comparison& c) {
  const data::Preprocess &pa = a.model.preprocess, &pb = b.model.preprocess;
  const image::Image ga = pa.geometry(of_a), gb = pb.geometry(of_b);
  c.add("resize", ga, gb, name);
  const Tensor xa = pa.apply(std::span(&of_a, 1)), xb = pb.apply(std::span(&of_b, 1));
  c.add("normalise", xa, xb, name);
  for (const LayerPair& pair :
       pairs_of(a.model, outputs_of(a.model, xa), b.model, outputs_of(b.model, xb)))
    c.add(pair, name);
}

// A picture of made-up texture, for files without one at hand.
image::Image made_up() {
  image::Image picture(300, 340, 3);
  uint32_t state = 1;
  for (size_t i = 0; i < picture.pixels.size(); ++i) {
    state = state * 1664525 + 1013904223;
    picture.pixels[i] = uint8_t((i / 37 + (state >> 27)) & 0xff);
  }
  return picture;
}

int run(const Options& o, const Globals& g) {
  Side a = load_side(o.a, o), b = load_side(o.b, o);
  share_preprocess(a, b, o, g);
  Comparison c;
  if (a.whole && b.whole) {
    double others = std::abs(double(a.model.classes.size()) - double(b.model.classes.size()));
    for (size_t i = 0; i < std::min(a.model.classes.size(), b.model.classes.size()); ++i)
      others += a.model.classes[i] != b.model.classes[i];
    c.add("class names", others, fmt::format("{} differ", others), "");
  }
  std::vector<std::string> files = picture_files(o.data);
  if (int64_t(files.size()) > o.limit) files.resize(size_t(o.limit));
  for (const std::string& file : files) {
    const image::Image of_a = image::load(file, a.model.preprocess.decode_options()),
                       of_b = image::load(file, b.model.preprocess.decode_options());
    c.add("decode", of_a, of_b, file);
    compare_one(a, b, of_a, of_b, file, c);
  }
  if (files.empty()) {
    const image::Image picture = made_up();
    compare_one(a, b, picture, picture, "a made-up picture", c);
  }

  const Stage* first = nullptr;
  nlohmann::ordered_json j{{"a", o.a}, {"b", o.b}, {"pictures", files.size()}};
  report::Table table;
  table.columns = {"stage", "difference", ""};
  for (const Stage& s : c.stages()) {
    const bool differs = s.difference > o.tolerance;
    if (differs && !first) first = &s;
    // Infinite where shapes differ, which JSON has no number for.
    j["stages"].push_back(
        {{"stage", s.name},
         {"difference",
          std::isfinite(s.difference) ? nlohmann::ordered_json(s.difference) : nullptr},
         {"what", s.what},
         {"picture", s.picture},
         {"differs", differs}});
    table.rows.push_back(
        {s.name,
         fmt::format("{:.3g}", s.difference),
         s.what.empty() && differs ? "differs" : s.what});
  }
  j["tolerance"] = o.tolerance;
  j["equal"] = !first;
  j["first"] = first ? nlohmann::ordered_json(first->name) : nullptr;
  j["note"] = nullptr;
  std::string text = report::text_table(table) + "\n";
  if (!c.compares_layers()) {
    const char* note = "no layer names in common: only preprocessing and output compared";
    j["note"] = note;
    text += fmt::format("{}\n", note);
  }
  if (first)
    text += fmt::format(
        "the first stage that differs is {}: {}{}\n",
        first->name,
        first->what.empty() ? fmt::format("by {:.3g}", first->difference) : first->what,
        first->picture.empty() ? "" : ", in " + first->picture);
  else
    text += fmt::format(
        "equal within {:g} at every stage{}\n",
        o.tolerance,
        c.compares_layers() ? "" : " that was compared");
  print(g.json ? json_text(j) : text);
  return first ? check_failed : ok;
}

}  // namespace

Verb parity_verb() {
  return {
      "parity",
      "Find the first stage at which two models differ",
      {"fovea parity runs/a/model.safetensors runs/b/model.safetensors --data photos/",
       "fovea parity resnet18.pth resnet18.safetensors --model resnet18 --data photo.jpg --json",
       "fovea parity model.safetensors model.onnx --data photo.jpg",
       "fovea parity net.param net.prototxt --tolerance 1e-3"},
      [](Arguments& app) {
        auto o = std::make_shared<Options>();
        app.add_option(
               "a", o->a, "A model file, an .onnx file, or another that `fovea convert` reads")
            ->type_name("A")
            ->required();
        app.add_option("b", o->b, "The one to compare it with")->type_name("B")->required();
        app.add_option("--data", o->data, "Pictures, or folders of them; without, one is made up")
            ->type_name("FILE|DIR");
        app.add_option("--limit", o->limit, "At most so many pictures")->check(positive());
        app.add_option(
               "--tolerance",
               o->tolerance,
               "The largest difference that passes, as a share of the largest number if over 1")
            ->check(not_negative());
        app.add_option("--model", o->model, "The network of files that hold weights alone")
            ->type_name("NAME");
        app.add_option(
               "--size", o->size, "Height and width of an .onnx file's input, if it takes any")
            ->check(positive());
        app.add_option("--classes", o->classes, "Number of classes of --model")->check(positive());
        return [o](const Globals& g) { return run(*o, g); };
      }};
}

}  // namespace fovea::cli
