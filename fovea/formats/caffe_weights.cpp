// The binary form of Caffe's NetParameter (src/caffe/proto/caffe.proto), of which the weights are
// read, with the layers of today and those of the first version.
#include "fovea/formats/caffe_weights.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <tuple>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "fovea/core/errors.h"
#include "fovea/formats/protobuf.h"

namespace fovea::formats {

namespace {

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

// More than one entry of a name where several layers have it.
std::multimap<std::string, std::vector<Tensor>> blobs_by_layer(
    std::span<const std::byte> file, const std::string& name) {
  std::multimap<std::string, std::vector<Tensor>> all;
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
    if (!blobs.empty()) all.emplace(std::move(layer), std::move(blobs));
  }
  return all;
}

constexpr int64_t any = -1;  // an extent that the description does not tell

// A blob with the extents that its layer implies. Old files have four extents for everything: the
// bias of a layer is (1, 1, 1, O), the matrix of an inner product (1, 1, O, I).
Tensor shaped_as(const Tensor& t, const std::vector<int64_t>& expected, const std::string& where) {
  std::vector<int64_t> got(t.shape().begin(), t.shape().end());
  while (got.size() > expected.size() && got.front() == 1) got.erase(got.begin());
  while (got.size() > expected.size() && got.back() == 1) got.pop_back();
  const bool fits = std::ranges::equal(
      got, expected, [](int64_t g, int64_t e) { return g > 0 && (g == e || e == any); });
  if (!fits) {
    std::string extents;
    for (int64_t e : expected)
      extents += (extents.empty() ? "" : ", ") + (e == any ? "any" : std::to_string(e));
    throw IoError(where, fmt::format("expected weights ({}), got {}", extents, t.shape().str()));
  }
  return Tensor::from_bytes(t.bytes(), Shape(got), Dtype::f32);
}

// How many channels each layer reads, or any.
class Channels {
 public:
  explicit Channels(const LayerGraph& graph) {
    // Of several inputs it is not known whose shape the graph's is.
    size_t inputs = 0;
    for (const GraphLayer& l : graph.layers)
      if (l.type == "input") inputs += l.outputs.size();
    if (inputs == 1 && graph.input.rank() == 3) input_ = graph.input[2];
  }

  // To be called for each layer, in their order.
  int64_t into(const GraphLayer& l) {
    const int64_t in = joined(l);
    const bool counts_anew = l.type == "conv" || l.type == "linear";
    const int64_t out = l.type == "input"     ? input_
                        : counts_anew         ? int64_t(l.option("out", 0))
                        : l.type == "flatten" ? any
                                              : in;
    for (const std::string& value : l.outputs) of_[value] = out;
    return in;
  }

 private:
  int64_t joined(const GraphLayer& l) const {
    int64_t sum = any;
    for (const std::string& value : l.inputs) {
      auto found = of_.find(value);
      if (found == of_.end() || found->second == any) return any;
      sum = l.type == "concat" && sum != any ? sum + found->second : found->second;
      if (sum > INT32_MAX) return any;  // more than blobs may have
    }
    return sum;
  }

  int64_t input_ = any;
  std::map<std::string, int64_t> of_;  // values
};

// The running mean and variance, stored as sums and what to divide them by.
std::pair<Tensor, Tensor> statistics(
    const std::vector<Tensor>& blobs, int64_t channels, const std::string& where) {
  if (blobs.size() != 3 || blobs[2].numel() != 1)
    throw IoError(where, "expected a mean, a variance and a factor");
  const float factor = blobs[2].data<float>()[0];
  auto divided = [&](const Tensor& sums, int64_t size) {
    std::vector<float> values = shaped_as(sums, {size}, where).to_vector();
    for (float& v : values) v = factor == 0 ? 0 : v / factor;
    return Tensor::from(values, {int64_t(values.size())});
  };
  const Tensor mean = divided(blobs[0], channels);
  return {mean, divided(blobs[1], mean.numel())};
}

// The extents of the first blob of a layer that reads so many channels.
std::vector<int64_t> weight_extents(const GraphLayer& l, int64_t channels) {
  const auto option = [&](const char* key) { return int64_t(l.option(key, 1)); };
  if (l.type == "scale") return {channels};
  if (l.type == "linear") return {option("out"), any};
  const int64_t groups = option("groups");
  const bool known = channels != any && groups > 0 && channels % groups == 0;
  return {option("out"), known ? channels / groups : any, option("kernel_h"), option("kernel_w")};
}

}  // namespace

void take_caffe_weights(
    LayerGraph& graph, std::span<const std::byte> file, const std::string& name) {
  const auto all = blobs_by_layer(file, name);
  Channels channels(graph);
  for (const GraphLayer& l : graph.layers) {
    const int64_t in = channels.into(l);
    if (!l.has_weights()) continue;
    auto found = all.find(l.name);
    if (found == all.end()) throw IoError(name, fmt::format("holds no weights of \"{}\"", l.name));
    const std::string where = fmt::format("{}: layer \"{}\"", name, l.name);
    if (all.count(l.name) > 1)
      throw IoError(where, "expected the weights of one layer of this name, got more");
    const std::vector<Tensor>& blobs = found->second;
    if (l.type == "batch_norm") {
      std::tie(graph.weights[l.name + ".running_mean"], graph.weights[l.name + ".running_var"]) =
          statistics(blobs, in, where);
      continue;
    }
    const bool bias = l.option("bias", 0) != 0;
    if (blobs.size() != (bias ? 2 : 1))
      throw IoError(
          where,
          fmt::format(
              "expected weights {} a bias (bias_term in the .prototxt), got {} blob{}",
              bias ? "and" : "without",
              blobs.size(),
              blobs.size() == 1 ? "" : "s"));
    const Tensor weight = shaped_as(blobs[0], weight_extents(l, in), where);
    graph.weights[l.name + ".weight"] = weight;
    if (bias) graph.weights[l.name + ".bias"] = shaped_as(blobs[1], {weight.dim(0)}, where);
  }
}

}  // namespace fovea::formats
