#include "fovea/onnx/graph.h"

#include <algorithm>
#include <fstream>
#include <limits>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "fovea/core/errors.h"
#include "fovea/image/decode.h"
#include "fovea/models/frozen.h"
#include "fovea/nn/grad.h"
#include "fovea/ops/elementwise.h"
#include "fovea/ops/random.h"
#include "fovea/ops/reduce.h"
#include "tests/onnx/nodes.h"
#include "tests/support/folder.h"
#include "tests/support/test_data.h"

namespace fovea::onnx {
namespace {

using formats::OnnxModel;

// relu(conv(x)) of a 1 x 1 convolution from 2 channels to 1, then all pixels as one row.
OnnxModel small() {
  OnnxModel m;
  m.opsets[""] = 17;
  m.inputs.push_back({"x", "f32", Dtype::f32, std::vector<int64_t>{-1, 2, 2, 2}});
  m.outputs.push_back({"y", "f32", Dtype::f32, std::vector<int64_t>{-1, 4}});
  m.initializers.emplace_back("w", Tensor::from<float>({1, 10}, {1, 2, 1, 1}));
  m.nodes = {node("Conv", {"x", "w"}, "a"), node("Relu", {"a"}, "b"), node("Flatten", {"b"}, "y")};
  return m;
}

std::vector<std::byte> bytes_of(const OnnxModel& m) {
  const std::string text = formats::onnx_bytes(m);
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

TEST(OnnxGraph, TakesImagesAsTheyLieInMemory) {
  const auto graph = parse(bytes_of(small()), "small");
  const Tensor nhwc = Tensor::from<float>({1, 1, 2, 0, -3, 0, 4, 1}, {1, 2, 2, 2});
  nn::Ctx ctx;
  const std::vector<float> expected{11, 2, 0, 14};
  EXPECT_EQ(nn::forward(*graph, nhwc, ctx).to_vector(), expected);
  const Tensor nchw = Tensor::from<float>({1, 2, -3, 4, 1, 0, 0, 1}, {1, 2, 2, 2});
  EXPECT_EQ(graph->run({&nchw, 1})[0].to_vector(), expected);
  EXPECT_EQ(models::freeze(*graph, nhwc.shape()).run(nhwc).to_vector(), expected);
}

TEST(OnnxGraph, WeightsAreParametersWithGradients) {
  const auto graph = parse(bytes_of(small()), "small");
  EXPECT_EQ(nn::parameters(*graph).at("the_a.weight").shape(), (Shape{1, 1, 1, 2}));
  const Tensor x = Tensor::from<float>({1, 1, 2, 0, -3, 0, 4, 1}, {1, 2, 2, 2});
  auto r = nn::value_and_grad(
      *graph, {}, [&](nn::Ctx& ctx) { return sum(nn::forward(*graph, x, ctx)); });
  EXPECT_EQ(r.loss.item(), 27);
  EXPECT_EQ(r.grads.at("the_a.weight").to_vector(), (std::vector<float>{7, 2}));
}

TEST(OnnxGraph, NamesAllThatIsUnsupportedAtOnce) {
  OnnxModel m = small();
  m.nodes[1] = node("Acosh", {"a"}, "b");
  m.nodes[2].attributes["alpha"] = {.type = formats::OnnxAttribute::Type::integer, .integer = 1};
  m.inputs[0].dtype = Dtype::f16;
  m.inputs[0].type = "f16";
  try {
    Graph graph(m);
    FAIL() << "it was taken";
  } catch (const UnsupportedError& e) {
    EXPECT_STREQ(
        e.what(),
        "not supported: input \"x\" of type f16; node \"the_b\" (Acosh): the operator Acosh; node "
        "\"the_y\" (Flatten): attribute alpha");
  }
}

TEST(OnnxGraph, TellsAFaultOnceWithTheNumberOfItsKind) {
  OnnxModel m = small();
  m.nodes = {
      node("Acosh", {"x"}, "a"),
      node("Acosh", {"a"}, "b"),
      node("Asinh", {"b"}, "c"),
      node("Acosh", {"c"}, "y")};
  m.refused = {{"tensor \"v\"", " of type STRING"}, {"tensor \"w\"", " of type STRING"}};
  try {
    Graph graph(m);
    FAIL() << "it was taken";
  } catch (const UnsupportedError& e) {
    EXPECT_STREQ(
        e.what(),
        "not supported: tensor \"v\" and 1 more of type STRING; node \"the_a\" (Acosh) and 2 more: "
        "the operator Acosh; node \"the_c\" (Asinh): the operator Asinh");
  }
}

TEST(OnnxGraph, NodesMayComeInAnyOrder) {
  const Tensor x = Tensor::from<float>({1, 2, -3, 4, 1, 0, 0, 1}, {1, 2, 2, 2});
  const auto expected = Graph(small()).run({&x, 1})[0].to_vector();
  OnnxModel m = small();
  std::ranges::reverse(m.nodes);
  const Graph graph(m);
  EXPECT_EQ(graph.run({&x, 1})[0].to_vector(), expected);
  EXPECT_EQ(graph.nodes().back().op, "Flatten");
  m.nodes[2].inputs[0] = "b";  // a ring
  EXPECT_THROW(Graph{m}, std::invalid_argument);
}

TEST(OnnxGraph, HalvesAreComputedAsFloats) {
  OnnxModel m = small();
  m.initializers[0].second = cast(Tensor::from<float>({1, 10}, {1, 2, 1, 1}), Dtype::f16).eval();
  m.nodes.insert(m.nodes.begin(), node("Cast", {"x"}, "half"));
  m.nodes[0].attributes["to"] = {.type = formats::OnnxAttribute::Type::integer, .integer = 10};
  m.nodes[1].inputs[0] = "half";
  const Tensor x = Tensor::from<float>({1, 2, -3, 4, 1, 0, 0, 1}, {1, 2, 2, 2});
  Graph graph(m);
  EXPECT_EQ(graph.run({&x, 1})[0].to_vector(), (std::vector<float>{11, 2, 0, 14}));
  EXPECT_EQ(nn::parameters(graph).at("the_a.weight").dtype(), Dtype::f32);
  m.outputs[0].dtype = Dtype::f16;
  m.outputs[0].type = "f16";
  EXPECT_THROW(Graph{m}, UnsupportedError);
}

TEST(OnnxGraph, RefusesAGraphThatIsNotSound) {
  OnnxModel missing = small();
  missing.nodes[0].inputs[0] = "nobody";
  EXPECT_THROW(Graph{missing}, std::invalid_argument);
  OnnxModel shapes = small();
  shapes.initializers[0].second = Tensor::from<float>({1, 10, 100}, {1, 3, 1, 1});
  EXPECT_THROW(Graph{shapes}, std::invalid_argument);
  OnnxModel pads = small();
  pads.nodes[1] = node("Pad", {"a", "pads"}, "b");
  constexpr int64_t least = std::numeric_limits<int64_t>::min();
  pads.initializers.emplace_back("pads", Tensor::from<int64_t>({0, 0, least, 0, 0, 0, 0, 0}, {8}));
  EXPECT_THROW(Graph{pads}, std::invalid_argument);
}

TEST(OnnxGraph, AFileCutShortOrChangedIsAnError) {
  const auto bytes = bytes_of(small());
  for (size_t n = 0; n < bytes.size(); ++n) try {
      parse(std::span(bytes).first(n), "cut");
    } catch (const IoError&) {
    } catch (const UnsupportedError&) {
    }
  EXPECT_THROW(parse(std::span(bytes).first(bytes.size() - 1), "cut"), IoError);
  const std::string noise(300, '\xa7');
  EXPECT_THROW(parse(std::as_bytes(std::span(noise)), "noise"), IoError);
  for (size_t n = 0; n < bytes.size(); ++n) {
    auto changed = bytes;
    changed[n] ^= std::byte{0x55};
    try {
      parse(changed, "changed");
    } catch (const IoError&) {
    } catch (const UnsupportedError&) {
    }
  }
}

// A detector as its authors published it, against scores that another program computed.
TEST(OnnxGraph, FastestDet) {
  const auto folder = test::data_root() / "fastestdet";
  FOVEA_NEEDS_DATA(folder);
  const auto graph = load((folder / "FastestDet.onnx").string());
  EXPECT_GT(nn::count_parameters(*graph), 200000);
  const auto golden = nlohmann::json::parse(std::ifstream(folder / "golden.json"));
  for (const auto& c : golden.at("crop_cases")) {
    if (c.at("pool").get<int>() != 1) continue;
    const image::Image picture =
        image::load((test::data_root() / c.at("image").get<std::string>()).string());
    const int h = c.at("h"), w = c.at("w"), y0 = c.at("y"), x0 = c.at("x");
    Tensor x = Tensor::empty({1, h, w, 3});
    auto out = x.mutable_data<float>();
    for (int y = 0; y < h; ++y)
      for (int i = 0; i < w; ++i)
        for (int k = 0; k < 3; ++k)
          out[size_t((y * w + i) * 3 + k)] = float(picture.at(y0 + y, x0 + i, 2 - k)) / 255;
    nn::Ctx ctx;
    const Tensor plain = nn::forward(*graph, x, ctx);
    const Tensor frozen = models::freeze(*graph, x.shape()).run(x);
    ASSERT_EQ(plain.shape(), (Shape{1, 22, 22, 85}));
    const auto& raw = c.at("raw_output");
    const auto index = raw.at("sample_index").get<std::vector<int>>();
    for (const Tensor& scores : {plain, frozen}) {
      const auto got = scores.to_vector();
      for (size_t i = 0; i < index.size(); ++i) {
        const int channel = index[i] / 484, at = index[i] % 484;
        EXPECT_NEAR(got[size_t(at * 85 + channel)], raw.at("sample").at(i).get<double>(), 1e-5);
      }
      EXPECT_NEAR(mean(scores).item<double>(), raw.at("mean").get<double>(), 1e-6);
      EXPECT_NEAR(std::sqrt(sum(square(scores)).item<double>()), raw.at("l2").get<double>(), 1e-3);
    }
  }
}

}  // namespace
}  // namespace fovea::onnx
