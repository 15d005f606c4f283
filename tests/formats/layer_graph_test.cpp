#include "fovea/formats/layer_graph.h"

#include <array>
#include <cstring>
#include <map>

#include "fovea/formats/protobuf.h"
#include "fovea/formats/safetensors_tree.h"
#include "tests/formats/files.h"
#include "tests/support/test_data.h"

namespace fovea::formats {
namespace {

using namespace std::string_literals;

const std::string param =
    "7767517\n3 3\nInput data 0 1 data 0=5 1=4 2=1\n"
    "Convolution c 1 1 data c 0=2 1=3 11=1 4=1 14=0 5=1 6=6 9=1 -23310=1,0.5\n"
    "Pooling p 1 1 c p 0=1 4=1\n";

std::string floats(const std::vector<float>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * 4};
}
const std::string bin = "\0\0\0\0"s + floats({1, 2, 3, 4, 5, 6, -1, -2});

std::string ncnn_error(const std::string& text, const std::string& weights = bin) {
  return io_error([&] { parse_ncnn(text, bytes_of(weights), "x.param"); });
}
std::string replaced(std::string text, const std::string& from, const std::string& to) {
  return text.replace(text.find(from), from.size(), to);
}

TEST(Ncnn, ReadsLayersAndWeights) {
  const LayerGraph g = parse_ncnn(param, bytes_of(bin), "x.param");
  EXPECT_EQ(g.input, Shape({4, 5, 1}));
  ASSERT_EQ(g.layers.size(), 3u);
  EXPECT_EQ(g.layers[1].type, "conv");
  EXPECT_EQ(g.layers[1].option("kernel_h", 0), 1);
  EXPECT_EQ(g.layers[1].option("pad_top", -1), 0);
  EXPECT_EQ(g.layers[1].option("pad_right", -1), 1);
  EXPECT_EQ(g.layers[1].option("relu", 0), 1);
  EXPECT_EQ(g.weights.at("c.weight").shape(), Shape({2, 1, 1, 3}));
  EXPECT_EQ(g.weights.at("c.bias").to_vector(), (std::vector<float>{-1, -2}));
  EXPECT_EQ(g.layers[2].option("global", 0), 1);
}

TEST(Ncnn, RefusesWhatIsWrongNamingTheLine) {
  EXPECT_HAS(ncnn_error(""), "expected the magic number");
  EXPECT_HAS(ncnn_error("7767516\n"), "expected the magic number");
  EXPECT_HAS(ncnn_error(replaced(param, "3 3", "4 3")), "truncated: expected 4 layers, got 3");
  EXPECT_HAS(ncnn_error(replaced(param, "3 3", "2 3")), "expected 2 layers, got more");
  EXPECT_HAS(ncnn_error(replaced(param, "Pooling", "Magic")), "line 5: layers of type \"Magic\"");
  EXPECT_HAS(ncnn_error(replaced(param, "6=6", "6=7")), "7 weights do not fit 2 filters of 1 x 3");
  EXPECT_HAS(
      ncnn_error(replaced(param, "6=6", "6=600000000")), "line 4: the weights are truncated");
  EXPECT_HAS(ncnn_error(replaced(param, "0=2", "0=-2")), "expected a whole number from 0");
  EXPECT_HAS(ncnn_error(replaced(param, "0=2", "0=nan")), "expected a number behind =");
  EXPECT_HAS(ncnn_error(replaced(param, "9=1", "9=4")), "activation 4");
  EXPECT_HAS(ncnn_error(replaced(param, "9=1", "8=1")), "weights of 8 bits");
  EXPECT_HAS(ncnn_error(replaced(param, "1 1 data", "99 1 data")), "truncated: expected a name");
  EXPECT_HAS(ncnn_error(param, bin + "abcd"), "do the files belong together?");
  EXPECT_HAS(ncnn_error(param, "\x38\x4b\x0d\0"s + bin.substr(4)), "weights stored as 0x000d4b38");
  for (size_t size = 0; size < bin.size(); ++size)
    EXPECT_HAS(ncnn_error(param, bin.substr(0, size)), "truncated");
  for (size_t size = 0; size < param.find("Pooling p 1") + 17; ++size)
    EXPECT_NE(ncnn_error(param.substr(0, size)), "") << size;
}

TEST(Ncnn, RefusesTwoLayersWithWeightsOfOneName) {
  const std::string twice = replaced(param, "Pooling p 1 1 c p 0=1 4=1", "Scale c 1 1 c p 0=2");
  EXPECT_HAS(
      ncnn_error(twice, bin + floats({1, 2})),
      "line 5: two layers with weights have the name \"c\"");
  EXPECT_EQ(ncnn_error(replaced(twice, "Scale c", "Scale s"), bin + floats({1, 2})), "");
  EXPECT_EQ(ncnn_error(replaced(param, "Pooling p", "Pooling c")), "");  // has no weights
}

TEST(Ncnn, TheHalvesOfSqueezeNetAreThoseOfItsSafetensors) {
  const auto folder = test::data_root() / "squeezenet";
  FOVEA_NEEDS_DATA(folder);
  const LayerGraph g = load_ncnn(folder / "squeezenet_v1.1.param");
  EXPECT_EQ(g.input, Shape({227, 227, 3}));
  const Tree expected = load_safetensors(folder / "squeezenet_v1.1_fp16.safetensors").tensors;
  ASSERT_EQ(g.weights.size(), expected.size());
  for (const auto& [name, t] : expected) {
    ASSERT_TRUE(g.weights.contains(name)) << name;
    EXPECT_EQ(g.weights.at(name).shape(), t.shape()) << name;
    const auto got = g.weights.at(name).to_doubles(), want = t.to_doubles();
    for (size_t i = 0; i < want.size(); ++i)
      ASSERT_NEAR(got[i], want[i], 5e-4 * std::abs(want[i]) + 1e-7) << name << " " << i;
  }
}

const std::string prototxt = R"(name: "small"  # a comment
input: "data" input_dim: 1 input_dim: 2 input_dim: 5 input_dim: 6
layer { name: "c" type: "Convolution" bottom: "data" top: "c"
  convolution_param { num_output: 4 kernel_size: 3 pad: 1 group: 2 stride: 2 } }
layer { name: "b" type: "BatchNorm" bottom: "c" top: "c" }
layer { name: "s" type: "Scale" bottom: "c" top: "c" scale_param { bias_term: true } }
layer { name: "r" type: "ReLU" bottom: "c" top: "c" }
layer { name: "t" type: "Dropout" include { phase: TRAIN } bottom: "c" top: "c" }
layer { name: "p" type: "Pooling" bottom: "c" top: "p"
  pooling_param { pool: AVE kernel_size: 2 stride: 2 } }
layer { name: "f" type: "InnerProduct" bottom: "p" top: "f" inner_product_param { num_output: 3 } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "f" bottom: "label" })";

std::string blob(const std::vector<int>& shape, float first, size_t n) {
  ProtoMessage dims, m;
  for (int d : shape) dims.varint(1, uint64_t(d));
  std::vector<float> values(n);
  for (size_t i = 0; i < n; ++i) values[i] = first + float(i);
  return m.bytes(7, dims).bytes(5, floats(values)).data();
}
// As the first version wrote it, with four extents.
std::string old_blob(const std::array<int, 4>& shape, size_t n) {
  ProtoMessage m;
  for (int i = 0; i < 4; ++i) m.varint(i + 1, uint64_t(shape[size_t(i)]));
  return m.bytes(5, floats(std::vector<float>(n, 1))).data();
}
std::string layer(const std::string& name, const std::vector<std::string>& blobs) {
  ProtoMessage m;
  m.bytes(1, name);
  for (const std::string& b : blobs) m.bytes(7, b);
  return m.data();
}
using Blobs = std::map<std::string, std::vector<std::string>>;

// With other blobs for some of the layers.
std::string caffemodel(const Blobs& others = {}) {
  Blobs layers{
      {"c", {blob({4, 1, 3, 3}, 0, 36), blob({4}, 1, 4)}},
      {"b", {blob({4}, 2, 4), blob({4}, 4, 4), blob({1}, 2, 1)}},
      {"s", {blob({4}, 1, 4), blob({4}, 5, 4)}},
      {"f", {blob({3, 8}, 0, 24), blob({3}, 0, 3)}}};
  for (const auto& [name, blobs] : others) layers[name] = blobs;
  ProtoMessage net;
  net.bytes(1, "small");
  for (const auto& [name, blobs] : layers) net.bytes(100, layer(name, blobs));
  return net.data();
}
std::string caffe_error(const std::string& text, const std::string& weights = "") {
  return io_error([&] { parse_caffe(text, bytes_of(weights), "x.prototxt"); });
}

TEST(Caffe, ReadsLayersAndWeights) {
  const std::string weights = caffemodel();
  const LayerGraph g = parse_caffe(prototxt, bytes_of(weights), "x");
  EXPECT_EQ(g.input, Shape({5, 6, 2}));
  ASSERT_EQ(g.layers.size(), 7u);  // the training's are left out
  EXPECT_EQ(g.layers[1].option("groups", 0), 2);
  EXPECT_EQ(g.layers[1].option("stride_w", 0), 2);
  EXPECT_EQ(g.layers[5].option("average", 0), 1);
  EXPECT_EQ(g.layers[5].option("floor", 1), 0);
  EXPECT_EQ(g.weights.at("c.weight").shape(), Shape({4, 1, 3, 3}));
  EXPECT_EQ(g.weights.at("b.running_mean").to_vector(), (std::vector<float>{1, 1.5, 2, 2.5}));
  EXPECT_EQ(g.weights.at("b.running_var").to_vector(), (std::vector<float>{2, 2.5, 3, 3.5}));
  EXPECT_EQ(g.weights.at("f.weight").shape(), Shape({3, 8}));
}

TEST(Caffe, RefusesWhatIsWrong) {
  EXPECT_HAS(caffe_error(""), "expected a network of layers");
  EXPECT_HAS(caffe_error("layer { type: \"Python\" name: \"x\" }"), "of type \"Python\" is not");
  EXPECT_HAS(caffe_error("layer { name: \"x"), "expected the end of a string");
  EXPECT_HAS(caffe_error("layer { name: "), "truncated");
  EXPECT_HAS(caffe_error("layer }"), "expected ':' or '{'");
  EXPECT_HAS(caffe_error("}"), "expected a field");
  std::string deep;
  for (int i = 0; i < 100'000; ++i) deep += "a{";
  EXPECT_HAS(caffe_error(deep), "deeper than 32");
  EXPECT_HAS(caffe_error(replaced(prototxt, "num_output: 4", "num_output: -4")), "num_output");
  EXPECT_HAS(caffe_error(replaced(prototxt, "AVE", "STOCHASTIC")), "pooling STOCHASTIC");
  const std::string weights = caffemodel();
  EXPECT_HAS(
      caffe_error(replaced(prototxt, "num_output: 4", "num_output: 5"), weights),
      "layer \"c\": expected weights (5, 1, 3, 3), got (4, 1, 3, 3)");
  EXPECT_HAS(caffe_error(replaced(prototxt, "\"c\"", "\"d\""), weights), "no weights of \"d\"");
  for (size_t size = 1; size < weights.size(); ++size)
    EXPECT_NE(caffe_error(prototxt, weights.substr(0, size)), "") << size;
  ProtoMessage lies;
  lies.bytes(100, layer("c", {ProtoMessage().bytes(7, ProtoMessage().varint(1, 1u << 30)).data()}));
  EXPECT_HAS(caffe_error(prototxt, lies.data()), "does not have its shape's number");
}

// Blobs of as many numbers in another order.
TEST(Caffe, RefusesBlobsOfOtherExtentsThanTheDescriptionHas) {
  EXPECT_HAS(
      caffe_error(replaced(prototxt, "kernel_size: 3", "kernel_h: 1 kernel_w: 9"), caffemodel()),
      "layer \"c\": expected weights (4, 1, 1, 9), got (4, 1, 3, 3)");
  EXPECT_HAS(
      caffe_error(replaced(prototxt, "group: 2", "group: 1"), caffemodel()),
      "layer \"c\": expected weights (4, 2, 3, 3), got (4, 1, 3, 3)");
  EXPECT_HAS(
      caffe_error(prototxt, caffemodel({{"c", {old_blob({4, 1, 9, 1}, 36), blob({4}, 0, 4)}}})),
      "layer \"c\": expected weights (4, 1, 3, 3), got (4, 1, 9, 1)");
  EXPECT_HAS(
      caffe_error(prototxt, caffemodel({{"c", {blob({36}, 0, 36), blob({4}, 0, 4)}}})),
      "layer \"c\": expected weights (4, 1, 3, 3), got (36)");
  EXPECT_HAS(
      caffe_error(prototxt, caffemodel({{"f", {blob({8, 3}, 0, 24), blob({3}, 0, 3)}}})),
      "layer \"f\": expected weights (3, any), got (8, 3)");
  EXPECT_HAS(
      caffe_error(prototxt, caffemodel({{"s", {blob({2, 2}, 0, 4), blob({4}, 0, 4)}}})),
      "layer \"s\": expected weights (4), got (2, 2)");
  const std::string transposed =
      replaced(prototxt, "num_output: 3 }", "num_output: 3 transpose: true }");
  EXPECT_HAS(caffe_error(transposed), "layer \"f\": transposed weights are not supported");
}

TEST(Caffe, ReadsTheFourExtentsOfOldBlobs) {
  const std::string weights = caffemodel(
      {{"c", {old_blob({4, 1, 3, 3}, 36), old_blob({1, 1, 1, 4}, 4)}},
       {"f", {old_blob({1, 1, 3, 8}, 24), old_blob({1, 1, 1, 3}, 3)}}});
  const LayerGraph g = parse_caffe(prototxt, bytes_of(weights), "x");
  EXPECT_EQ(g.weights.at("c.weight").shape(), Shape({4, 1, 3, 3}));
  EXPECT_EQ(g.weights.at("c.bias").shape(), Shape({4}));
  EXPECT_EQ(g.weights.at("f.weight").shape(), Shape({3, 8}));
  EXPECT_EQ(g.weights.at("f.bias").shape(), Shape({3}));
}

TEST(Caffe, RefusesABiasInOneOfTheFilesOnly) {
  const std::string missing =
                        "expected weights and a bias (bias_term in the .prototxt), got 1 blob",
                    added =
                        "expected weights without a bias (bias_term in the .prototxt), got 2 blobs";
  EXPECT_HAS(
      caffe_error(prototxt, caffemodel({{"c", {blob({4, 1, 3, 3}, 0, 36)}}})),
      "layer \"c\": " + missing);
  EXPECT_HAS(
      caffe_error(prototxt, caffemodel({{"f", {blob({3, 8}, 0, 24)}}})), "layer \"f\": " + missing);
  EXPECT_HAS(
      caffe_error(prototxt, caffemodel({{"s", {blob({4}, 1, 4)}}})), "layer \"s\": " + missing);
  EXPECT_HAS(
      caffe_error(replaced(prototxt, "bias_term: true", ""), caffemodel()),
      "layer \"s\": " + added);
  const std::string without = replaced(prototxt, "num_output: 4", "num_output: 4 bias_term: false");
  EXPECT_HAS(caffe_error(without, caffemodel()), "layer \"c\": " + added);
  EXPECT_EQ(caffe_error(without, caffemodel({{"c", {blob({4, 1, 3, 3}, 0, 36)}}})), "");
  EXPECT_HAS(caffe_error(replaced(without, "false", "no")), "expected true or false for bias_term");
}

TEST(Caffe, RefusesTwoLayersWithWeightsOfOneName) {
  const std::string again = ProtoMessage().bytes(100, layer("f", {blob({3, 8}, 5, 24)})).data();
  EXPECT_HAS(
      caffe_error(prototxt, caffemodel() + again),
      "layer \"f\": expected the weights of one layer of this name, got more");
  const std::string other = ProtoMessage().bytes(100, layer("z", {blob({1}, 5, 1)})).data();
  EXPECT_EQ(caffe_error(prototxt, caffemodel() + other + other), "");  // nothing reads them

  auto twin = [](const std::string& rules) {
    return prototxt + "layer { name: \"f\" type: \"InnerProduct\" bottom: \"p\" top: \"g\" " +
           rules + "inner_product_param { num_output: 3 } }";
  };
  const std::string refused = "two layers with weights have the name \"f\"";
  EXPECT_HAS(caffe_error(twin("")), refused);
  EXPECT_HAS(caffe_error(twin("include { phase: TEST } ")), refused);
  EXPECT_HAS(caffe_error(twin("include { phase: TRAIN } include { phase: TEST } ")), refused);
  EXPECT_EQ(caffe_error(twin("include { phase: TRAIN } "), caffemodel()), "");
  EXPECT_EQ(caffe_error(twin("exclude { phase: TEST } "), caffemodel()), "");
  EXPECT_EQ(caffe_error(replaced(prototxt, "\"r\"", "\"p\""), caffemodel()), "");  // no weights
}

TEST(Caffe, ReadsTheDescriptionsOfSqueezeNet) {
  const auto folder = test::data_root() / "squeezenet";
  FOVEA_NEEDS_DATA(folder);
  const LayerGraph one = load_caffe(folder / "deploy_v1.1.prototxt");
  EXPECT_EQ(one.input, Shape({227, 227, 3}));
  EXPECT_EQ(one.layers.size(), 67u);
  EXPECT_EQ(load_caffe(folder / "deploy_v1.0.prototxt").layers.size(), 67u);
}

TEST(Weights, OtherPublishedFilesAreRead) {
  const auto root = test::data_root();
  FOVEA_NEEDS_DATA(root / "mlperf_tiny");
  int files = 0;
  for (const char* folder : {"mlperf_tiny", "espnet_camvid", "fast_style_transfer", "squeezenet"})
    for (const auto& entry : std::filesystem::directory_iterator(root / folder))
      if (entry.path().extension() == ".safetensors") {
        EXPECT_FALSE(load_safetensors(entry.path()).tensors.empty()) << entry.path();
        ++files;
      }
  EXPECT_GE(files, 6);
}

}  // namespace
}  // namespace fovea::formats
