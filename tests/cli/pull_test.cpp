#include <nlohmann/json.hpp>

#include "fovea/formats/safetensors_tree.h"
#include "fovea/models/architecture.h"
#include "fovea/nn/load.h"
#include "tests/cli/command.h"
#include "tests/support/fake_hub.h"

namespace fovea::test {
namespace {

using Json = nlohmann::json;

class CliPull : public CommandTest, protected FakeHub {
 protected:
  void SetUp() override {
    CommandTest::SetUp();
    root = path();
    auto net = models::build({.name = "mobilenet_v1", .input = {32, 32, 3}, .classes = 2});
    nn::initialize(*net, Key(3));
    formats::save_safetensors(path("weights.safetensors"), nn::export_tree(*net));
    content["model.safetensors"] = read("weights.safetensors");
    content["config.json"] =
        R"({"architecture": "mobilenetv1_100", "num_classes": 2,
            "pretrained_cfg": {"input_size": [3, 32, 32], "interpolation": "bicubic",
            "crop_pct": 0.9, "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5],
            "first_conv": "conv_stem", "classifier": "classifier"}})";
    large = {"model.safetensors"};
  }

  Outcome pull(const std::string& words, const std::string& variables = "") const {
    return fovea(
        "pull " + words,
        "HF_HOME=" + path("hf") + " TORCH_HOME=" + path("torch") +
            " HF_ENDPOINT=" + hub_server().url() + "/ " + variables);
  }
};

TEST_F(CliPull, MakesAModelThatPredictTakes) {
  wanted_token = "hf_secret";
  write("hf/token", "hf_secret\n");
  Outcome o = pull("hf://org/tiny --out tiny.safetensors --json");
  ASSERT_EQ(o.code, 0) << o.err;
  const Json j = Json::parse(o.out);
  EXPECT_EQ(j.at("commit"), commit);
  EXPECT_EQ(j.at("files").at(1).at("checked"), "SHA-256");
  EXPECT_EQ(j.at("model").at("name"), "mobilenet_v1");
  EXPECT_EQ(j.at("model").at("preprocess").at("short_side"), 35);
  EXPECT_EQ(read("hf/hub/models--org--tiny/refs/main"), commit);
  write_ppm("a.ppm", 200, 10, 10);
  o = fovea("predict tiny.safetensors a.ppm --json");
  EXPECT_EQ(o.code, 0) << o.err;
  EXPECT_HAS(o.out, "\"class_1\"");

  o = pull("hf://org/tiny", "HF_HUB_OFFLINE=1");
  EXPECT_EQ(o.code, 0) << o.err;
  EXPECT_HAS(o.out, "model.safetensors  ");
  EXPECT_HAS(o.out, "was there");
}

TEST_F(CliPull, FailsWithAReasonAndACode) {
  Outcome o = pull("hf://org/other");
  EXPECT_EQ(o.code, 3);
  EXPECT_HAS(o.err, "404");
  o = pull("hf://org/tiny --offline");
  EXPECT_EQ(o.code, 3);
  EXPECT_HAS(o.err, "this is offline");
  o = pull("torchvision://resnet18 --offline");
  EXPECT_EQ(o.code, 3);
  EXPECT_HAS(o.err, "torch/hub/checkpoints/resnet18-f37072fd.pth");
  o = pull("lenet6");
  EXPECT_EQ(o.code, 2);
  EXPECT_HAS(o.err, "did you mean \"lenet5\"?");
  content["resnet18-f37072fd.pth"] = "not it";
  o = pull("resnet18", "FOVEA_TORCHVISION_ENDPOINT=" + hub_server().url() + "/models");
  EXPECT_EQ(o.code, 3);
  EXPECT_HAS(o.err, "expected the SHA-256 f37072fd");
}

}  // namespace
}  // namespace fovea::test
