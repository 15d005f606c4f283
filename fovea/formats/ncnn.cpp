// ncnn's two files (its docs/developer-guide/param-and-model-file-structure.md and operators.md).
#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>

#include <fmt/format.h>

#include "fovea/core/errors.h"
#include "fovea/formats/layer_graph.h"
#include "fovea/formats/mapped_file.h"

namespace fovea::formats {

namespace {

// Layers by ncnn's name of them; null: the same as another, or nothing to do.
constexpr std::pair<std::string_view, std::string_view> types[] = {
    {"Input", "input"},
    {"Convolution", "conv"},
    {"ConvolutionDepthWise", "conv"},
    {"InnerProduct", "linear"},
    {"Pooling", "pool"},
    {"ReLU", "relu"},
    {"LRN", "lrn"},
    {"Dropout", "dropout"},
    {"Concat", "concat"},
    {"Softmax", "softmax"},
    {"BatchNorm", "batch_norm"},
    {"Scale", "scale"},
    {"Eltwise", "eltwise"},
    {"Split", "split"},
    {"Flatten", "flatten"},
};

class Ncnn {
 public:
  Ncnn(std::string_view param, std::span<const std::byte> bin, const std::string& name)
      : text_(param), bin_(bin), name_(name) {}

  LayerGraph read() {
    if (word_line() != "7767517") fail("expected the magic number 7767517 of ncnn's text format");
    next_line();
    const int64_t layers = whole(word());
    whole(word());  // values
    for (int64_t i = 0; i < layers; ++i) {
      if (!next_line()) fail(fmt::format("truncated: expected {} layers, got {}", layers, i));
      layer();
    }
    if (next_line()) fail(fmt::format("expected {} layers, got more", layers));
    if (at_ != bin_.size())
      throw IoError(
          name_,
          fmt::format(
              "the weights end at byte {} of {}; do the files belong together?", at_, bin_.size()),
          at_);
    return std::move(graph_);
  }

 private:
  [[noreturn]] void fail(const std::string& message) const {
    throw IoError(name_, fmt::format("line {}: {}", line_number_, message));
  }

  bool next_line() {
    while (!text_.empty()) {
      size_t end = std::min(text_.find('\n'), text_.size());
      line_ = text_.substr(0, end);
      text_.remove_prefix(std::min(end + 1, text_.size()));
      ++line_number_;
      if (line_.find_first_not_of(" \t\r") != line_.npos) return true;
    }
    line_ = {};
    return false;
  }
  std::string_view word() {  // empty at the end of the line
    size_t begin = std::min(line_.find_first_not_of(" \t\r"), line_.size());
    size_t end = std::min(line_.find_first_of(" \t\r", begin), line_.size());
    std::string_view found = line_.substr(begin, end - begin);
    line_.remove_prefix(end);
    return found;
  }
  std::string_view word_line() {
    next_line();
    return word();
  }
  int64_t whole(std::string_view text) const {
    int64_t n = -1;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
    if (error != std::errc() || end != text.data() + text.size() || n < 0)
      fail(fmt::format("expected a whole number from 0 on, got \"{}\"", text));
    return n;
  }
  std::string name_word() {
    std::string_view text = word();
    if (text.empty()) fail("truncated: expected a name");
    return std::string(text);
  }

  void layer() {
    std::string_view ncnn_type = word();
    auto type = std::ranges::find(types, ncnn_type, [](const auto& t) { return t.first; });
    if (type == std::end(types))
      fail(fmt::format("layers of type \"{}\" are not supported", ncnn_type));
    GraphLayer l{
        .type = std::string(type->second), .name = name_word(), .inputs = {}, .outputs = {}};
    const int64_t inputs = whole(word()), outputs = whole(word());
    for (int64_t i = 0; i < inputs; ++i) l.inputs.push_back(name_word());
    for (int64_t i = 0; i < outputs; ++i) l.outputs.push_back(name_word());
    numbers_.clear();
    for (std::string_view pair = word(); !pair.empty(); pair = word()) {
      size_t equals = pair.find('=');
      if (equals == pair.npos) fail(fmt::format("expected KEY=VALUE, got \"{}\"", pair));
      int64_t key = 0;
      auto [end, error] = std::from_chars(pair.data(), pair.data() + equals, key);
      if (error != std::errc() || end != pair.data() + equals)
        fail(fmt::format("expected a number before =, got \"{}\"", pair));
      if (key <= -23300) {  // an array; only Eltwise's factors change what a layer does
        if (l.type == "eltwise") fail("Eltwise with factors is not supported");
        continue;
      }
      double value = 0;
      auto [stop, bad] =
          std::from_chars(pair.data() + equals + 1, pair.data() + pair.size(), value);
      if (bad != std::errc() || stop != pair.data() + pair.size() || !std::isfinite(value))
        fail(fmt::format("expected a number behind =, got \"{}\"", pair));
      numbers_[int(key)] = value;
    }
    if (l.has_weights() && graph_.weights.contains(l.name + ".weight"))
      fail(fmt::format("two layers with weights have the name \"{}\"", l.name));
    take(l);
    graph_.layers.push_back(std::move(l));
  }

  double number(int key, double fallback) const {
    auto found = numbers_.find(key);
    return found == numbers_.end() ? fallback : found->second;
  }
  int64_t count(int key, int64_t fallback, int64_t most = int64_t(1) << 31) const {
    double v = number(key, double(fallback));
    if (v < 0 || v > double(most) || v != std::floor(v))
      fail(fmt::format("expected a whole number from 0 to {} for {}, got {}", most, key, v));
    return int64_t(v);
  }

  void activation(GraphLayer& l) const {
    const int64_t kind = count(9, 0);
    if (kind > 1) fail(fmt::format("activation {} in a layer is not supported, only ReLU", kind));
    l.options["relu"] = double(kind);
  }

  void take(GraphLayer& l) {
    if (l.type == "input" && count(0, 0) > 0) {
      graph_.input = {count(1, 1), count(0, 1), count(2, 1)};
    } else if (l.type == "conv") {
      convolution(l);
    } else if (l.type == "linear") {
      const int64_t out = count(0, 0), size = count(2, 0);
      if (out == 0 || size % out != 0) fail("the number of weights does not fit the outputs");
      l.options["out"] = double(out);
      activation(l);
      graph_.weights[l.name + ".weight"] = typed({out, size / out});
      if (count(1, 0)) graph_.weights[l.name + ".bias"] = plain({out});
    } else if (l.type == "pool") {
      pooling(l);
    } else if (l.type == "relu") {
      l.options["slope"] = number(0, 0);
    } else if (l.type == "lrn") {
      if (count(0, 0) != 0) fail("LRN within channels is not supported");
      l.options = {
          {"size", double(count(1, 5))},
          {"alpha", number(2, 1)},
          {"beta", number(3, .75)},
          {"k", number(4, 1)}};
    } else if (l.type == "dropout") {
      if (number(0, 1) != 1) fail("Dropout that scales is not supported");
    } else if (l.type == "concat" || l.type == "softmax") {
      if (count(0, 0) != 0) fail("only the axis of channels is supported");
    } else if (l.type == "batch_norm") {
      const Shape channels{count(0, 0)};
      l.options["eps"] = number(1, 0);
      for (const char* what : {".weight", ".running_mean", ".running_var", ".bias"})
        graph_.weights[l.name + what] = plain(channels);
    } else if (l.type == "scale") {
      const Shape channels{count(0, 0)};
      graph_.weights[l.name + ".weight"] = plain(channels);
      if (count(1, 0)) graph_.weights[l.name + ".bias"] = plain(channels);
    } else if (l.type == "eltwise") {
      l.options["op"] = double(count(0, 0, 2));
    }
  }

  void convolution(GraphLayer& l) {
    const int64_t out = count(0, 0), kw = count(1, 0), kh = count(11, kw), groups = count(7, 1),
                  size = count(6, 0);
    if (number(4, 0) < 0) fail("padding that depends on the input (SAME) is not supported");
    if (count(8, 0)) fail("weights of 8 bits are not supported");
    l.options = {
        {"out", double(out)},
        {"kernel_h", double(kh)},
        {"kernel_w", double(kw)},
        {"dilation_h", double(count(12, count(2, 1)))},
        {"dilation_w", double(count(2, 1))},
        {"stride_h", double(count(13, count(3, 1)))},
        {"stride_w", double(count(3, 1))},
        {"pad_left", double(count(4, 0))},
        {"pad_top", double(count(14, count(4, 0)))},
        {"pad_right", double(count(15, count(4, 0)))},
        {"pad_bottom", double(count(16, count(14, count(4, 0))))},
        {"groups", double(groups)}};
    activation(l);
    int64_t each = 0;
    if (out == 0 || groups == 0 || __builtin_mul_overflow(out, kh, &each) ||
        __builtin_mul_overflow(each, kw, &each) || each == 0 || size == 0 || size % each != 0)
      fail(fmt::format("{} weights do not fit {} filters of {} x {}", size, out, kh, kw));
    graph_.weights[l.name + ".weight"] = typed({out, size / each, kh, kw});
    if (count(5, 0)) graph_.weights[l.name + ".bias"] = plain({out});
  }

  void pooling(GraphLayer& l) const {
    const int64_t kw = count(1, 0), sw = count(2, 1), mode = count(5, 0);
    const bool global = count(4, 0) != 0;
    if (!global && mode > 1) fail("padding that depends on the input (SAME) is not supported");
    l.options = {
        {"average", double(count(0, 0, 1))},
        {"global", double(global)},
        {"kernel_h", double(count(11, kw))},
        {"kernel_w", double(kw)},
        {"stride_h", double(count(12, sw))},
        {"stride_w", double(sw)},
        {"pad_left", double(count(3, 0))},
        {"pad_top", double(count(13, count(3, 0)))},
        {"pad_right", double(count(14, count(3, 0)))},
        {"pad_bottom", double(count(15, count(13, count(3, 0))))},
        {"floor", double(mode == 1)},
        {"without_pad", double(count(6, 0) == 0)}};
  }

  std::span<const std::byte> bytes(uint64_t size) {
    if (size > bin_.size() - at_)
      throw IoError(
          name_,
          fmt::format(
              "line {}: the weights are truncated: expected {} bytes, got {}",
              line_number_,
              size,
              bin_.size() - at_),
          at_);
    at_ += size;
    return bin_.subspan(at_ - size, size);
  }

  Tensor plain(const Shape& shape) {
    return Tensor::from_bytes(bytes(4 * uint64_t(shape.numel())), shape, Dtype::f32);
  }

  // Behind a word that says how the weights are stored, and padded to four bytes.
  Tensor typed(const Shape& shape) {
    const size_t start = at_;
    uint32_t flag = 0;
    std::memcpy(&flag, bytes(4).data(), 4);
    const auto n = uint64_t(shape.numel());
    if (flag == 0 || flag == 0x0002C056) return plain(shape);
    if (flag == 0x01306B47) {
      auto raw = bytes((2 * n + 3) / 4 * 4);
      Tensor t = Tensor::empty(shape);
      for (float& v : t.mutable_data<float>()) {
        float16 half;
        std::memcpy(&half.bits, raw.data(), 2);
        raw = raw.subspan(2);
        v = half;
      }
      return t;
    }
    if ((flag & 0xff) != 0 && flag < 0x100) {
      const auto table = bytes(256 * 4), places = bytes((n + 3) / 4 * 4);
      Tensor t = Tensor::empty(shape);
      size_t i = 0;
      for (float& v : t.mutable_data<float>())
        std::memcpy(&v, table.data() + 4 * size_t(places[i++]), 4);
      return t;
    }
    throw IoError(name_, fmt::format("weights stored as {:#010x} are not supported", flag), start);
  }

  std::string_view text_, line_;
  std::span<const std::byte> bin_;
  const std::string& name_;
  size_t at_ = 0;
  int line_number_ = 0;
  std::map<int, double> numbers_;  // of the layer that is read
  LayerGraph graph_;
};

}  // namespace

double GraphLayer::option(std::string_view key, double fallback) const {
  auto found = options.find(key);
  return found == options.end() ? fallback : found->second;
}

bool GraphLayer::has_weights() const {
  return type == "conv" || type == "linear" || type == "batch_norm" || type == "scale";
}

LayerGraph parse_ncnn(
    std::string_view param, std::span<const std::byte> bin, const std::string& name) {
  return Ncnn(param, bin, name).read();
}

LayerGraph load_ncnn(const std::filesystem::path& param) {
  MappedFile text(param), bin(std::filesystem::path(param).replace_extension(".bin"));
  return parse_ncnn(
      {reinterpret_cast<const char*>(text.bytes().data()), text.bytes().size()},
      bin.bytes(),
      text.path());
}

}  // namespace fovea::formats
