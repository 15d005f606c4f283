// Caffe's NetParameter (src/caffe/proto/caffe.proto): the text form for the layers, the binary one
// for their weights, each with the layers of today and those of the first version.
#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <span>

#include <fmt/format.h>

#include "fovea/core/errors.h"
#include "fovea/formats/layer_graph.h"
#include "fovea/formats/mapped_file.h"
#include "fovea/formats/protobuf.h"
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

  std::vector<int64_t> dims(const ProtoText& shape) const {
    std::vector<int64_t> all;
    for (const auto* f : shape.all("dim")) all.push_back(whole(f->scalar, "dim"));
    return all;
  }
  void set_input(const std::vector<int64_t>& nchw) {
    if (nchw.size() == 4) graph_.input = {nchw[2], nchw[3], nchw[1]};
  }

  static bool in_training_only(const ProtoText& m) {
    for (const auto* f : m.all("include"))
      if (f->message.text("phase") == "TRAIN") return true;
    return false;
  }

  void layer(const ProtoText& m) {
    std::string type = m.text("type");
    std::erase(type, '_');
    std::transform(type.begin(), type.end(), type.begin(), [](unsigned char c) {
      return char(std::tolower(c));
    });
    if (in_training_only(m) || std::ranges::find(left_out, type) != std::end(left_out)) return;
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
    } else if (l.type == "linear") {
      l.options["out"] = double(whole(options("inner_product_param"), "num_output", 0));
    } else if (l.type == "pool") {
      const ProtoText& p = options("pooling_param");
      windows(l, p, name);
      const std::string kind = p.text("pool", "MAX");
      if (kind != "MAX" && kind != "AVE")
        fail(fmt::format("layer \"{}\": pooling {} is not supported", name, kind));
      l.options["average"] = kind == "AVE";
      l.options["global"] = p.text("global_pooling") == "true";
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
    } else if (l.type == "eltwise") {
      const ProtoText& p = options("eltwise_param");
      if (p.find("coeff")) fail(fmt::format("layer \"{}\": factors are not supported", name));
      const std::string op = p.text("operation", "SUM");
      l.options["op"] = op == "PROD" ? 0 : op == "SUM" ? 1 : 2;
    }
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
    if (l.options["kernel_h"] * l.options["kernel_w"] == 0 && p.text("global_pooling") != "true")
      fail(fmt::format("layer \"{}\" has no kernel_size", name));
    l.options["pad_top"] = l.options["pad_bottom"] = l.options["pad_h"];
    l.options["pad_left"] = l.options["pad_right"] = l.options["pad_w"];
  }

  const std::string& name_;
  ProtoText net_;
  LayerGraph graph_;
};

// A BlobProto: its shape, or num, channels, height and width, and floats.
Tensor blob(ProtoReader m, const std::string& name) {
  std::vector<int64_t> dims, old(4, 1);
  std::vector<float> values;
  bool is_old = false;
  auto extent = [&](uint64_t n) {
    if (n > INT32_MAX) throw IoError(name, fmt::format("a blob has an extent of {}", n));
    return int64_t(n);
  };
  while (m.next()) {
    if (m.field() == 7) {
      for (ProtoReader shape = m.message(); shape.next();)
        if (shape.field() == 1)
          for (uint64_t n : shape.varints()) dims.push_back(extent(n));
    } else if (m.field() >= 1 && m.field() <= 4 && !m.is_bytes()) {
      old[size_t(m.field() - 1)] = extent(m.number());
      is_old = true;
    } else if (m.field() == 5) {
      const auto bytes = m.bytes();
      if (bytes.size() % 4 != 0) throw IoError(name, "a blob ends within a float");
      const size_t before = values.size();
      values.resize(before + bytes.size() / 4);
      std::ranges::copy(bytes, std::as_writable_bytes(std::span(values)).data() + 4 * before);
    } else if (m.field() == 8) {
      throw IoError(name, "blobs of doubles are not supported");
    }
  }
  if (dims.empty() && is_old) dims = old;
  int64_t numel = 1;
  bool fits = dims.size() <= size_t(Shape::max_rank);
  for (int64_t n : dims) fits = fits && !__builtin_mul_overflow(numel, n, &numel);
  if (!fits || numel != int64_t(values.size()))
    throw IoError(
        name, fmt::format("a blob of {} values does not have its shape's number", values.size()));
  return Tensor::from(values, Shape(dims));
}

std::map<std::string, std::vector<Tensor>> blobs_by_layer(
    std::span<const std::byte> file, const std::string& name) {
  std::map<std::string, std::vector<Tensor>> all;
  ProtoReader net(file, name);
  while (net.next()) {
    const bool old = net.field() == 2 && net.is_bytes();
    if (net.field() != 100 && !old) continue;
    std::string layer;
    std::vector<Tensor> blobs;
    for (ProtoReader m = net.message(); m.next();) {
      if (m.field() == (old ? 4 : 1) && m.is_bytes()) layer = m.text();
      if (m.field() == (old ? 6 : 7) && m.is_bytes()) blobs.push_back(blob(m.message(), name));
    }
    if (!blobs.empty()) all[layer] = std::move(blobs);
  }
  return all;
}

// Old files have four extents for everything: the bias of a layer is (1, 1, 1, O).
Tensor shaped_as(const Tensor& t, const Shape& shape, const std::string& name) {
  if (t.numel() != shape.numel())
    throw IoError(name, fmt::format("expected weights {}, got {}", shape.str(), t.shape().str()));
  return Tensor::from_bytes(t.bytes(), shape, Dtype::f32);
}

void take_weights(LayerGraph& graph, std::span<const std::byte> file, const std::string& name) {
  const auto all = blobs_by_layer(file, name);
  for (const GraphLayer& l : graph.layers) {
    if (l.type != "conv" && l.type != "linear" && l.type != "batch_norm" && l.type != "scale")
      continue;
    auto found = all.find(l.name);
    if (found == all.end()) throw IoError(name, fmt::format("holds no weights of \"{}\"", l.name));
    const std::vector<Tensor>& blobs = found->second;
    const std::string where = fmt::format("{}: layer \"{}\"", name, l.name);
    if (l.type == "batch_norm") {  // sums, and what to divide them by
      if (blobs.size() != 3 || blobs[2].numel() != 1)
        throw IoError(where, "expected a mean, a variance and a factor");
      const float factor = blobs[2].data<float>()[0];
      for (size_t i = 0; i < 2; ++i) {
        std::vector<float> values = blobs[i].to_vector();
        for (float& v : values) v = factor == 0 ? 0 : v / factor;
        graph.weights[l.name + (i ? ".running_var" : ".running_mean")] =
            Tensor::from(values, {int64_t(values.size())});
      }
      continue;
    }
    Tensor weight = blobs[0];
    const auto out = int64_t(l.option("out", 0));
    if (l.type == "scale") {
      weight = shaped_as(weight, {weight.numel()}, where);
    } else if (out == 0 || weight.numel() == 0 || weight.numel() % out != 0) {
      throw IoError(where, fmt::format("{} weights do not fit {} outputs", weight.numel(), out));
    } else if (l.type == "linear") {
      weight = shaped_as(weight, {out, weight.numel() / out}, where);
    } else {
      const auto kh = int64_t(l.option("kernel_h", 1)), kw = int64_t(l.option("kernel_w", 1));
      weight = shaped_as(weight, {out, weight.numel() / out / kh / kw, kh, kw}, where);
    }
    graph.weights[l.name + ".weight"] = weight;
    if (blobs.size() > 1)
      graph.weights[l.name + ".bias"] = shaped_as(blobs[1], {weight.dim(0)}, where);
  }
}

}  // namespace

LayerGraph parse_caffe(
    std::string_view prototxt, std::span<const std::byte> caffemodel, const std::string& name) {
  LayerGraph graph = Caffe(prototxt, name).read();
  if (!caffemodel.empty()) take_weights(graph, caffemodel, name);
  return graph;
}

LayerGraph load_caffe(
    const std::filesystem::path& prototxt, const std::filesystem::path& caffemodel) {
  MappedFile file(prototxt);
  LayerGraph graph = parse_caffe(
      {reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()}, {}, file.path());
  if (!caffemodel.empty()) {
    MappedFile weights(caffemodel);
    take_weights(graph, weights.bytes(), weights.path());
  }
  return graph;
}

}  // namespace fovea::formats
