// The text form of Caffe's NetParameter (src/caffe/proto/caffe.proto), with the layers of today and
// those of the first version; caffe_weights.cpp reads the binary one.
#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <set>
#include <span>

#include <fmt/format.h>

#include "fovea/core/errors.h"
#include "fovea/formats/caffe_weights.h"
#include "fovea/formats/layer_graph.h"
#include "fovea/formats/mapped_file.h"
#include "fovea/formats/prototext.h"

namespace fovea::formats {

namespace {

// By Caffe's name in lower case without '_', which makes CONVOLUTION and Convolution one.
constexpr std::pair<std::string_view, std::string_view> types[] = {
    {"input", "input"},
    {"convolution", "conv"},
    {"innerproduct", "linear"},
    {"pooling", "pool"},
    {"relu", "relu"},
    {"lrn", "lrn"},
    {"dropout", "dropout"},
    {"concat", "concat"},
    {"softmax", "softmax"},
    {"batchnorm", "batch_norm"},
    {"scale", "scale"},
    {"eltwise", "eltwise"},
    {"split", "split"},
    {"flatten", "flatten"},
};
// Layers that training needs.
constexpr std::string_view left_out[] = {
    "data", "imagedata", "hdf5data", "softmaxwithloss", "softmaxloss", "accuracy", "silence"};

class Caffe {
 public:
  Caffe(std::string_view text, const std::string& name)
      : name_(name), net_(ProtoText::parse(text, name)) {}

  LayerGraph read() {
    std::vector<int64_t> input;
    for (const auto* f : net_.all("input_dim")) input.push_back(whole(f->scalar, "input_dim"));
    if (const auto* shape = net_.find("input_shape")) input = dims(shape->message);
    if (const auto* f = net_.find("input"))
      graph_.layers.push_back({"input", f->scalar, {}, {f->scalar}, {}});
    set_input(input);
    for (const auto& f : net_.fields)
      if (f.key == "layer" || f.key == "layers") layer(f.message);
    if (graph_.layers.empty())
      throw IoError(name_, "expected a network of layers; is it a solver's prototxt?");
    return std::move(graph_);
  }

 private:
  [[noreturn]] void fail(const std::string& message) const { throw IoError(name_, message); }

  int64_t whole(const std::string& text, std::string_view key) const {
    int64_t n = -1;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
    if (error != std::errc() || end != text.data() + text.size() || n < 0 || n > INT32_MAX)
      fail(fmt::format("expected a whole number from 0 on for {}, got \"{}\"", key, text));
    return n;
  }
  int64_t whole(const ProtoText& m, std::string_view key, int64_t fallback) const {
    const auto* f = m.find(key);
    return f ? whole(f->scalar, key) : fallback;
  }
  double real(const ProtoText& m, std::string_view key, double fallback) const {
    const auto* f = m.find(key);
    if (!f) return fallback;
    double v = 0;
    const char* last = f->scalar.data() + f->scalar.size();
    auto [end, error] = std::from_chars(f->scalar.data(), last, v);
    if (error != std::errc() || end != last || !std::isfinite(v))
      fail(fmt::format("expected a number for {}, got \"{}\"", key, f->scalar));
    return v;
  }

  bool flag(const ProtoText& m, std::string_view key, bool fallback) const {
    const auto* f = m.find(key);
    if (!f) return fallback;
    auto one_of = [&](std::initializer_list<std::string_view> words) {
      return std::ranges::find(words, f->scalar) != words.end();
    };
    const bool yes = one_of({"true", "True", "t", "1"});
    if (!yes && !one_of({"false", "False", "f", "0"}))
      fail(fmt::format("expected true or false for {}, got \"{}\"", key, f->scalar));
    return yes;
  }

  std::vector<int64_t> dims(const ProtoText& shape) const {
    std::vector<int64_t> all;
    for (const auto* f : shape.all("dim")) all.push_back(whole(f->scalar, "dim"));
    return all;
  }
  void set_input(const std::vector<int64_t>& nchw) {
    if (nchw.size() == 4) graph_.input = {nchw[2], nchw[3], nchw[1]};
  }

  // Whether a layer's rules keep it in the phase TEST: one of those that include it, if there are
  // any, and none of those that exclude it.
  static bool in_use(const ProtoText& m) {
    const auto included = m.all("include"), excluded = m.all("exclude");
    auto trains = [](const auto* f) { return f->message.text("phase") == "TRAIN"; };
    auto tests = [](const auto* f) {  // and asks for nothing else
      return f->message.fields.size() == 1 && f->message.text("phase") == "TEST";
    };
    return (included.empty() || !std::ranges::all_of(included, trains)) &&
           std::ranges::none_of(excluded, tests);
  }

  void layer(const ProtoText& m) {
    std::string type = m.text("type");
    std::erase(type, '_');
    std::transform(type.begin(), type.end(), type.begin(), [](unsigned char c) {
      return char(std::tolower(c));
    });
    if (!in_use(m) || std::ranges::find(left_out, type) != std::end(left_out)) return;
    auto known = std::ranges::find(types, type, [](const auto& t) { return t.first; });
    const std::string name = m.text("name");
    if (known == std::end(types))
      fail(fmt::format("layer \"{}\" of type \"{}\" is not supported", name, m.text("type")));
    GraphLayer l{std::string(known->second), name, {}, {}, {}};
    for (const auto* f : m.all("bottom")) l.inputs.push_back(f->scalar);
    for (const auto* f : m.all("top")) l.outputs.push_back(f->scalar);
    static const ProtoText none;
    auto options = [&](const char* key) -> const ProtoText& {
      const auto* f = m.find(key);
      return f ? f->message : none;
    };
    if (l.type == "input") {
      if (const auto* shape = options("input_param").find("shape")) set_input(dims(shape->message));
    } else if (l.type == "conv") {
      const ProtoText& p = options("convolution_param");
      windows(l, p, name);
      l.options["out"] = double(whole(p, "num_output", 0));
      l.options["groups"] = double(whole(p, "group", 1));
      l.options["dilation_h"] = l.options["dilation_w"] = double(whole(p, "dilation", 1));
      l.options["bias"] = flag(p, "bias_term", true);
    } else if (l.type == "linear") {
      const ProtoText& p = options("inner_product_param");
      if (flag(p, "transpose", false))
        fail(fmt::format("layer \"{}\": transposed weights are not supported", name));
      l.options["out"] = double(whole(p, "num_output", 0));
      l.options["bias"] = flag(p, "bias_term", true);
    } else if (l.type == "pool") {
      const ProtoText& p = options("pooling_param");
      windows(l, p, name);
      const std::string kind = p.text("pool", "MAX");
      if (kind != "MAX" && kind != "AVE")
        fail(fmt::format("layer \"{}\": pooling {} is not supported", name, kind));
      l.options["average"] = kind == "AVE";
      l.options["global"] = flag(p, "global_pooling", false);
      l.options["floor"] = p.text("round_mode") == "FLOOR";
    } else if (l.type == "relu") {
      l.options["slope"] = real(options("relu_param"), "negative_slope", 0);
    } else if (l.type == "lrn") {
      const ProtoText& p = options("lrn_param");
      if (p.text("norm_region", "ACROSS_CHANNELS") != "ACROSS_CHANNELS")
        fail(fmt::format("layer \"{}\": LRN within channels is not supported", name));
      l.options = {
          {"size", double(whole(p, "local_size", 5))},
          {"alpha", real(p, "alpha", 1)},
          {"beta", real(p, "beta", .75)},
          {"k", real(p, "k", 1)}};
    } else if (l.type == "concat") {
      const ProtoText& p = options("concat_param");
      if (whole(p, "axis", whole(p, "concat_dim", 1)) != 1)
        fail(fmt::format("layer \"{}\": only the axis of channels is supported", name));
    } else if (l.type == "batch_norm") {
      l.options["eps"] = real(options("batch_norm_param"), "eps", 1e-5);
    } else if (l.type == "scale") {
      l.options["bias"] = flag(options("scale_param"), "bias_term", false);
    } else if (l.type == "eltwise") {
      const ProtoText& p = options("eltwise_param");
      if (p.find("coeff")) fail(fmt::format("layer \"{}\": factors are not supported", name));
      const std::string op = p.text("operation", "SUM");
      l.options["op"] = op == "PROD" ? 0 : op == "SUM" ? 1 : 2;
    }
    if (l.has_weights() && !with_weights_.insert(name).second)
      fail(fmt::format("two layers with weights have the name \"{}\"", name));
    graph_.layers.push_back(std::move(l));
  }

  // kernel_size, or kernel_h and kernel_w, and the like.
  void windows(GraphLayer& l, const ProtoText& p, const std::string& name) const {
    auto both = [&](const char* one, const std::string& each, int64_t fallback) {
      const auto repeated = p.all(one);
      for (size_t i = 0; i < 2; ++i) {
        const std::string key = each + (i ? "_w" : "_h");
        int64_t v = fallback;
        if (!repeated.empty()) v = whole(repeated[std::min(i, repeated.size() - 1)]->scalar, one);
        l.options[key] = double(whole(p, key, v));
      }
    };
    both("kernel_size", "kernel", 0);
    both("stride", "stride", 1);
    both("pad", "pad", 0);
    if (l.options["kernel_h"] * l.options["kernel_w"] == 0 && !flag(p, "global_pooling", false))
      fail(fmt::format("layer \"{}\" has no kernel_size", name));
    l.options["pad_top"] = l.options["pad_bottom"] = l.options["pad_h"];
    l.options["pad_left"] = l.options["pad_right"] = l.options["pad_w"];
  }

  const std::string& name_;
  ProtoText net_;
  std::set<std::string> with_weights_;  // names of layers
  LayerGraph graph_;
};

}  // namespace

LayerGraph parse_caffe(
    std::string_view prototxt, std::span<const std::byte> caffemodel, const std::string& name) {
  LayerGraph graph = Caffe(prototxt, name).read();
  if (!caffemodel.empty()) take_caffe_weights(graph, caffemodel, name);
  return graph;
}

LayerGraph load_caffe(
    const std::filesystem::path& prototxt, const std::filesystem::path& caffemodel) {
  MappedFile file(prototxt);
  LayerGraph graph = parse_caffe(
      {reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()}, {}, file.path());
  if (!caffemodel.empty()) {
    MappedFile weights(caffemodel);
    take_caffe_weights(graph, weights.bytes(), weights.path());
  }
  return graph;
}

}  // namespace fovea::formats
