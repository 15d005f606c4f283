// SqueezeNet 1.1 with the weights of its authors (Iandola et al., in ncnn's f16 storage) on real
// photographs, against scores computed in double precision by another program.
#include <algorithm>
#include <fstream>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "fovea/formats/layer_graph.h"
#include "fovea/formats/safetensors_tree.h"
#include "fovea/image/decode.h"
#include "fovea/image/geometry.h"
#include "fovea/models/frozen.h"
#include "fovea/models/graph_match.h"
#include "fovea/models/graph_net.h"
#include "fovea/ops/elementwise.h"
#include "fovea/ops/pool.h"
#include "fovea/ops/slice.h"
#include "fovea/ops/softmax.h"
#include "tests/support/check_op.h"
#include "tests/support/test_data.h"

namespace fovea::models {
namespace {

class SqueezeNet : public testing::Test {
 protected:
  // Caffe's name of a weight, "fire2/squeeze1x1.bias", as torchvision has it.
  static std::string torchvision_name(const std::string& caffe) {
    const size_t end = caffe.find_first_of("./");
    const std::string layer = caffe.substr(0, end);
    std::string rest = "." + caffe.substr(end + 1);
    if (rest.starts_with(".squeeze1x1")) rest.replace(0, 11, ".squeeze");
    if (layer == "conv1") return "features.0" + rest;
    if (layer == "conv10") return "classifier.1" + rest;
    const int fire = std::stoi(layer.substr(4));
    return "features." + std::to_string(fire + 1 + (fire > 3) + (fire > 5)) + rest;
  }

  Model load() const {
    Tree weights;
    for (const auto& [name, t] :
         formats::load_safetensors(folder / "squeezenet_v1.1_fp16.safetensors").tensors)
      weights[torchvision_name(name)] = t;
    Model m;
    m.architecture = {.name = "squeezenet1_1", .input = {227, 227, 3}, .classes = 1000};
    m.net = build(m.architecture);
    nn::load(*m.net, weights);
    m.preprocess = {
        .height = 227,
        .width = 227,
        .scale = 1,
        .mean = {104, 117, 123},
        .std = {1, 1, 1},
        .bgr = true};
    return m;
  }

  static image::Image decode(const nlohmann::json& c) {
    return image::load(
        test::data_root() / "test_images" / c.at("image").get<std::string>(), {.channels = 3});
  }

  // As golden.json says: RGB, the mean of blocks of pool x pool pixels, a crop, blue first, minus a
  // mean for each channel.
  static Tensor input(const nlohmann::json& c) {
    const image::Image picture = decode(c);
    Tensor x = Tensor::from(
        std::vector<float>(picture.pixels.begin(), picture.pixels.end()),
        {1, picture.height, picture.width, 3});
    const int pool = c.at("pool");
    if (pool > 1) x = avg_pool2d(x, {.kernel = {pool, pool}});
    const int64_t y = c.at("y"), left = c.at("x"), h = c.at("h"), w = c.at("w");
    x = slice(slice(x, 1, {.start = y, .stop = y + h}), 2, {.start = left, .stop = left + w});
    return flip(x, {-1}) - Tensor::from<float>({104, 117, 123}, {3});
  }

  nlohmann::json cases() const {
    std::ifstream file(folder / "golden.json");
    return nlohmann::json::parse(file).at("cases");
  }

  const std::filesystem::path folder = test::data_root() / "squeezenet";
};

TEST_F(SqueezeNet, ClassifiesRealPhotographsAsTheReferenceDoes) {
  FOVEA_NEEDS_DATA(folder);
  FOVEA_NEEDS_DATA(test::data_root() / "test_images");
  const Model m = load();
  const FrozenModel frozen(m);
  for (const nlohmann::json& c : cases()) {
    SCOPED_TRACE(c.at("image").get<std::string>());
    const nlohmann::json& golden = c.at("v1.1");
    const Tensor x = input(c).eval();
    for (const Tensor& scores : {m.scores(x).eval(), frozen.scores(x)}) {
      const std::vector<double> got = scores.to_doubles();
      const nlohmann::json& logits = golden.at("logits_first10");
      for (size_t i = 0; i < logits.size(); ++i) EXPECT_NEAR(got[i], logits[i], 1e-3) << i;
      const nlohmann::json& stats = golden.at("logits_stats");
      for (size_t i = 0; i < stats.at("sample").size(); ++i) {
        const size_t place = stats.at("sample_index")[i];
        EXPECT_NEAR(got[place], stats.at("sample")[i], 1e-3) << place;
      }
      const std::vector<double> p = softmax(scores).eval().to_doubles();
      std::vector<size_t> order(p.size());
      for (size_t i = 0; i < order.size(); ++i) order[i] = i;
      std::ranges::sort(order, [&](size_t a, size_t b) { return p[a] > p[b]; });
      for (size_t i = 0; i < 5; ++i) {
        EXPECT_EQ(order[i], golden.at("top5")[i][0].get<size_t>()) << "place " << i;
        EXPECT_NEAR(p[order[i]], golden.at("top5")[i][2], 1e-3) << "place " << i;
      }
    }
  }
}

// The same network from ncnn's two files, and from Caffe's description with the same weights.
// ncnn's pads the last convolution by 1; the golden file has scores for both.
TEST_F(SqueezeNet, AsNcnnAndCaffeDescribeItScoresAsTheReferenceDoes) {
  FOVEA_NEEDS_DATA(folder);
  FOVEA_NEEDS_DATA(test::data_root() / "test_images");
  const formats::LayerGraph ncnn = formats::load_ncnn(folder / "squeezenet_v1.1.param");
  formats::LayerGraph caffe = formats::load_caffe(folder / "deploy_v1.1.prototxt");
  caffe.weights = ncnn.weights;
  for (const auto& [graph, key] : {std::pair(ncnn, "v1.1_conv10pad1"), std::pair(caffe, "v1.1")}) {
    const std::unique_ptr<nn::Module> net = build_graph(graph);
    EXPECT_EQ(nn::count_parameters(*net), 1'235'496);
    for (const nlohmann::json& c : cases()) {
      SCOPED_TRACE(c.at("image").get<std::string>());
      const nlohmann::json& golden = c.at(key);
      nn::Ctx ctx;
      const Tensor scores = nn::forward(*net, input(c), ctx);
      ASSERT_EQ(scores.shape(), Shape({1, 1000}));
      const std::vector<double> got = scores.to_doubles();
      const nlohmann::json& logits = golden.at("logits_first10");
      for (size_t i = 0; i < logits.size(); ++i) EXPECT_NEAR(got[i], logits[i], 1e-3) << i;
      EXPECT_EQ(
          size_t(std::ranges::max_element(got) - got.begin()),
          golden.at("top5")[0][0].get<size_t>());
    }
  }
}

// Caffe's names become torchvision's by the order of the layers.
TEST_F(SqueezeNet, AsCaffeDescribesItMatchesTheNetworkOfTheTable) {
  FOVEA_NEEDS_DATA(folder);
  const formats::LayerGraph ncnn = formats::load_ncnn(folder / "squeezenet_v1.1.param");
  formats::LayerGraph caffe = formats::load_caffe(folder / "deploy_v1.1.prototxt");
  caffe.weights = ncnn.weights;
  const Model expected = load();
  const auto net = build(expected.architecture);
  const GraphMatch match = match_graph(caffe, *net, expected.architecture.input);
  EXPECT_TRUE(match.same()) << match.difference;
  EXPECT_TRUE(match.notes.empty());
  EXPECT_EQ(fingerprint(match.weights), fingerprint(nn::export_tree(*expected.net)));
  const GraphMatch other = match_graph(ncnn, *net, expected.architecture.input);
  EXPECT_FALSE(other.same());
  EXPECT_EQ(other.notes, std::vector<std::string>{"conv10 pads by 1, classifier.1 by 0"});
}

TEST_F(SqueezeNet, ThePreprocessingOfTheModelIsThatOfTheReference) {
  FOVEA_NEEDS_DATA(folder);
  FOVEA_NEEDS_DATA(test::data_root() / "test_images");
  const Model m = load();
  int compared = 0;
  for (const nlohmann::json& c : cases()) {
    if (c.at("pool") != 1) continue;  // means of pixels are no pixels
    const image::Image cut = image::crop(decode(c), {c.at("y"), c.at("x"), c.at("h"), c.at("w")});
    EXPECT_EQ(m.preprocess.apply({&cut, 1}).to_vector(), input(c).to_vector()) << c.at("image");
    ++compared;
  }
  EXPECT_EQ(compared, 3);
}

}  // namespace
}  // namespace fovea::models
