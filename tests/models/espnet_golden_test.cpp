// ESPNet against scores that other programs computed: with weights by a rule, and with those of its
// authors on frames of CamVid.
#include <algorithm>
#include <cmath>
#include <fstream>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "fovea/formats/safetensors_tree.h"
#include "fovea/image/decode.h"
#include "fovea/models/architecture.h"
#include "fovea/models/frozen.h"
#include "fovea/nn/load.h"
#include "fovea/ops/elementwise.h"
#include "fovea/ops/reduce.h"
#include "fovea/ops/shape.h"
#include "tests/support/check_op.h"
#include "tests/support/expect.h"
#include "tests/support/fixture_tensors.h"
#include "tests/support/test_data.h"

namespace fovea::models {
namespace {

// The rule of scripts/fixtures/espnet.py, which computes the scores by PyTorch.
std::vector<float> wave(const std::string& name, int64_t count, double middle, double half) {
  int64_t k = 0;
  for (size_t j = 0; j < name.size(); ++j) k += int64_t(j + 1) * name[j];
  std::vector<float> v;
  for (int64_t i = 0; i < count; ++i)
    v.push_back(float(middle + half * std::sin(12.9898 * double(i) + double(k))));
  return v;
}

Tensor by_rule(const std::string& name, const Shape& shape) {
  double middle = 0, half = 0.2;
  if (shape.rank() == 4)
    half = std::sqrt(4 * double(shape[0]) / double(shape.numel()));
  else if (name.ends_with("running_var"))
    middle = 1, half = 0.5;
  else if (name.ends_with("act.weight"))
    middle = 0.25;
  else if (name.ends_with("weight"))
    middle = 1, half = 0.3;
  return Tensor::from(wave(name, shape.numel(), middle, half), shape);
}

TEST(EspNet, ReproducesTheScoresOfPyTorch) {
  const test::FixtureTensors f("espnet.safetensors");
  auto net = build({.name = "espnet", .input = {24, 32, 3}, .classes = 5});
  Tree weights = nn::export_tree(*net);
  for (auto& [name, t] : weights)
    if (!name.ends_with("num_batches_tracked")) t = by_rule(name, t.shape());
  nn::load(*net, weights);
  nn::Ctx ctx;
  const Tensor x = Tensor::from(wave("x", 24 * 32 * 3, 0, 1), {1, 24, 32, 3});
  EXPECT_LT(test::relative_error(nn::forward(*net, x, ctx), f["scores"]), 1e-4);
}

TEST(EspNet, ReproducesTheScoresOfItsAuthorsWeights) {
  const auto folder = test::data_root() / "espnet_camvid";
  const auto frames = test::data_root() / "camvid_small" / "original" / "test";
  FOVEA_NEEDS_DATA(folder);
  FOVEA_NEEDS_DATA(frames);
  std::ifstream file(folder / "golden.json");
  const auto golden = nlohmann::json::parse(file).at("first3");
  auto net = build({.name = "espnet", .input = {360, 480, 3}, .classes = 12});
  nn::load(*net, formats::load_safetensors(folder / "espnet_p_2_q_8_camvid.safetensors").tensors);
  const graph::Plan plan = freeze(*net, {1, 360, 480, 3});
  // Blue first; the file names the mean and deviation of each channel, of bytes, and divides by 255
  // after that.
  const Tensor mean_of = Tensor::from<float>({110.33102643F, 108.40886315F, 105.03319369F}, {3});
  const Tensor scale =
      Tensor::from<float>({72.12571015F * 255, 72.69074534F * 255, 69.90434816F * 255}, {3});
  for (const auto& g : golden) {
    const auto name = g.at("image").get<std::string>();
    SCOPED_TRACE(name);
    const image::Image frame = image::load((frames / name).string(), {.channels = 3});
    std::vector<float> pixels(frame.pixels.size());
    for (size_t i = 0; i < pixels.size(); ++i) pixels[i] = frame.pixels[i - i % 3 + 2 - i % 3];
    const Tensor x = Tensor::from(pixels, {1, frame.height, frame.width, 3});
    const Tensor scores = plan.run(((x - mean_of) / scale).eval());
    ASSERT_EQ(scores.shape(), (Shape{1, 360, 480, 12}));

    const auto& logits = g.at("logits");
    const auto got = transpose(scores, {0, 3, 1, 2}).eval().to_doubles();
    double sum = 0, squares = 0;
    for (double v : got) {
      sum += v;
      squares += v * v;
    }
    EXPECT_NEAR(sum / double(got.size()), logits.at("mean").get<double>(), 1e-5);
    EXPECT_NEAR(std::sqrt(squares), logits.at("l2").get<double>(), 1e-2);
    EXPECT_NEAR(std::ranges::min(got), logits.at("min").get<double>(), 1e-3);
    EXPECT_NEAR(std::ranges::max(got), logits.at("max").get<double>(), 1e-3);
    for (size_t i = 0; i < logits.at("sample").size(); ++i)
      EXPECT_NEAR(got[logits.at("sample_index")[i].get<size_t>()], logits.at("sample")[i], 1e-3);

    // Pixels of each class, the twelfth (nothing labelled) left out; a few lie between two classes.
    std::vector<int64_t> pixels_of(11, 0);
    constexpr size_t area = 360 * 480;
    for (size_t p = 0; p < area; ++p) {
      size_t best = 0;
      for (size_t c = 1; c < 11; ++c)
        if (got[c * area + p] > got[best * area + p]) best = c;
      ++pixels_of[best];
    }
    for (size_t c = 0; c < 11; ++c)
      EXPECT_NEAR(double(pixels_of[c]), g.at("pred_hist")[c].get<double>(), 5) << "class " << c;
  }
}

TEST(EspNet, SaysWhatItIsFor) {
  const Architecture odd{.name = "espnet", .input = {36, 32, 3}, .classes = 12};
  EXPECT_HAS(test::message_of([&] { build(odd); }), "multiples of 8, got 36x32");
  const Architecture a{.name = "espnet", .input = {32, 32, 3}, .classes = 12};
  const auto net = build(a);
  EXPECT_EQ(scores_shape(*net, a.input), (Shape{1, 32, 32, 12}));
  EXPECT_HAS(test::message_of([&] { check_classifies(*net, a); }), "scores for each pixel");
}

}  // namespace
}  // namespace fovea::models
