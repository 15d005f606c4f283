#include <pwd.h>

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

TEST_F(CliPull, RefusesATokenThatCannotBeSent) {
  wanted_token = "hf_secret";
  Outcome o = pull("hf://org/tiny", "HF_TOKEN='hf_abcd efg'");
  EXPECT_EQ(o.code, 2);
  EXPECT_HAS(o.err, "HF_TOKEN: expected visible ASCII characters, got a blank at 8");
  EXPECT_EQ(o.err.find("hf_abcd"), std::string::npos);
  o = pull("hf://org/tiny", "HF_TOKEN='hf_\xc3\xa4'");
  EXPECT_EQ(o.code, 2);
  EXPECT_HAS(o.err, "got one that is not ASCII at 4");
  write("hf/token", "hf_secret and more\n");
  o = pull("hf://org/tiny");
  EXPECT_EQ(o.code, 3);
  EXPECT_HAS(o.err, "hf/token: expected visible ASCII characters, got a blank at 10");
  EXPECT_TRUE(hub_server().seen().empty());

  o = pull("hf://org/tiny", "HUGGING_FACE_HUB_TOKEN=hf_secret");
  EXPECT_EQ(o.code, 0) << o.err;
  o = pull("hf://org/tiny", "HF_TOKEN=hf_other HUGGING_FACE_HUB_TOKEN=hf_secret");
  EXPECT_HAS(o.err, "the token was not accepted");
}

TEST_F(CliPull, FindsTheFoldersThatPythonFinds) {
  const std::string home = "HOME=" + path("home") + " NAME=of",
                    repository = "/models--org--tiny/refs/main";
  Outcome o = pull("hf://org/tiny/config.json", home + " HF_HOME='~/zz'");
  EXPECT_EQ(o.code, 0) << o.err;
  EXPECT_TRUE(exists("home/zz/hub" + repository));
  EXPECT_FALSE(exists("~"));
  o = pull("hf://org/tiny/config.json", home + " HF_HUB_CACHE='$HOME/${NAME}_x$NOT_THERE'");
  EXPECT_EQ(o.code, 0) << o.err;
  EXPECT_TRUE(exists("home/of_x$NOT_THERE" + repository));

  o = fovea(
      "pull hf://org/none --offline",
      "env -u HOME -u XDG_CACHE_HOME -u HF_HOME -u HF_HUB_CACHE -u HF_TOKEN_PATH -u TORCH_HOME");
  const passwd* user = ::getpwuid(::getuid());
  EXPECT_EQ(o.code, user ? 3 : 2);
  EXPECT_HAS(
      o.err,
      user ? (std::filesystem::path(user->pw_dir) / ".cache/huggingface/hub").string()
           : "HOME is not set");
}

TEST_F(CliPull, RefusesBeforeItAsks) {
  Outcome o = pull("hf://org/tiny/config.json --out m.safetensors");
  EXPECT_EQ(o.code, 2);
  EXPECT_HAS(o.err, "cannot make a model of \"config.json\": expected a file of weights");
  o = pull("hf://org/tiny --out nodir/m.safetensors");
  EXPECT_EQ(o.code, 3);
  EXPECT_HAS(o.err, "nodir/m.safetensors");
  EXPECT_TRUE(hub_server().seen().empty());

  write("file", "");
  o = pull("hf://org/tiny", "HF_HOME=" + path("file/x"));
  EXPECT_EQ(o.code, 3);
  EXPECT_HAS(o.err, "HF_HOME says where it lies");
}

}  // namespace
}  // namespace fovea::test
