#include <cmath>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "fovea/models/model_file.h"
#include "tests/cli/command.h"

namespace fovea::test {
namespace {

class CliPredict : public CommandTest {};

// The middle of the picture is a red frame around blue. Who takes the middle of the middle sees
// blue.
TEST_F(CliPredict, PreparesAPictureOnce) {
  models::Model model;
  model.architecture = {.name = "linear", .input = {4, 4, 3}, .classes = 2};
  model.net = models::build(model.architecture);
  nn::initialize(*model.net, Key(1));
  Tree weights = nn::export_tree(*model.net);
  for (auto& [name, t] : weights) {
    std::vector<float> values(size_t(t.numel()), 0);
    if (t.rank() == 2)
      for (size_t i = 0; i < values.size(); ++i) {
        const size_t blue = i / 48, channel = i % 48 / 16;  // (classes, C * H * W)
        values[i] = channel == (blue ? 2 : 0) ? 1.f : 0.f;
      }
    t = Tensor::from<float>(values, t.shape());
  }
  nn::load(*model.net, weights);
  model.preprocess = data::Preprocess::with_crop_pct(4, 0.5);
  model.classes = {"red", "blue"};
  models::save_model(path("m.safetensors"), model);

  std::string pixels;
  for (int y = 0; y < 8; ++y)
    for (int x = 0; x < 8; ++x) {
      const bool blue = x >= 3 && x < 5 && y >= 3 && y < 5;
      pixels += blue ? std::string("\0\0\xff", 3) : std::string("\xff\0\0", 3);
    }
  write("a.ppm", "P6\n8 8\n255\n" + pixels);
  const Outcome o = fovea("predict m.safetensors a.ppm --top 1 --json");
  ASSERT_EQ(o.code, 0) << o.err;
  const auto top = nlohmann::json::parse(o.out).at("top").at(0);
  EXPECT_EQ(top.at("class"), "red");
  EXPECT_NEAR(top.at("probability").get<double>(), 1 / (1 + std::exp(4.0 - 12.0)), 1e-4);
}

TEST_F(CliPredict, DropoutLeftOnGivesASpread) {
  auto save = [&](const std::string& name, double rate) {
    models::Model model;
    model.architecture = {
        .name = "layers",
        .input = {4, 4, 3},
        .classes = 2,
        .layers = {
            {"flatten", {}},
            {"dropout", {{"rate", std::to_string(rate)}}},
            {"linear", {{"out", "2"}}}}};
    model.net = models::build(model.architecture);
    nn::initialize(*model.net, Key(1));
    model.preprocess = {.channels = 3, .height = 4, .width = 4};
    model.classes = {"red", "blue"};
    models::save_model(path(name), model);
  };
  save("m.safetensors", 0.5);
  save("plain.safetensors", 0);
  write("a.ppm", "P6\n4 4\n255\n" + std::string(48, '\xc0'));
  const Outcome o = fovea("predict m.safetensors a.ppm a.ppm --mc-dropout 30 --json");
  ASSERT_EQ(o.code, 0) << o.err;
  const auto top = nlohmann::json::parse(o.out.substr(0, o.out.find('\n'))).at("top");
  EXPECT_NEAR(
      top.at(0).at("probability").get<double>() + top.at(1).at("probability").get<double>(),
      1,
      1e-5);
  EXPECT_GT(top.at(0).at("spread").get<double>(), 0.001);
  EXPECT_NEAR(top.at(0).at("spread").get<double>(), top.at(1).at("spread").get<double>(), 1e-5);
  EXPECT_EQ(fovea("predict m.safetensors a.ppm a.ppm --mc-dropout 30 --json").out, o.out);
  EXPECT_HAS(fovea("predict m.safetensors a.ppm --mc-dropout 30").out, " +- ");
  EXPECT_HAS(
      fovea("predict m.safetensors a.ppm --mc-dropout 30 --views flip").err,
      "--mc-dropout judges one view of each picture");
  const Outcome plain = fovea("predict plain.safetensors a.ppm --mc-dropout 30");
  EXPECT_EQ(plain.code, 2);
  EXPECT_HAS(plain.err, "expected a network with dropout");
}

TEST_F(CliPredict, NamesOfFilesNeedNotBeUtf8) {
  for (int i = 0; i < 6; ++i)
    for (const char* name : {"th\xe9", "caf\xe9"})
      write_ppm(fmt::format("photos/{}/\xfc-{}.ppm", name, i), 30 * i, name[0], 9);
  Outcome o = fovea("train --data photos --model lenet5 --epochs 1 --name r --json");
  ASSERT_EQ(o.code, 0) << o.err;
  EXPECT_HAS(o.err, "read as Latin-1: caf\u00e9, th\u00e9");
  const std::string model = "runs/r/model.safetensors";
  const std::string picture = "photos/caf\xe9/\xfc-0.ppm";
  for (const std::string& words : std::vector<std::string>{
           "predict " + model + " " + picture,
           "eval " + model + " --data photos",
           "data photos",
           "features " + model + " --data photos --out \xfc"}) {
    o = fovea(words + " --json");
    EXPECT_EQ(o.code, 0) << words << o.err;
    EXPECT_TRUE(nlohmann::json::accept(o.out)) << o.out;
  }
  EXPECT_HAS(read("runs/r/report.html"), "caf\u00e9");
  EXPECT_TRUE(exists("\xfc.npy"));
}

}  // namespace
}  // namespace fovea::test
