#include "fovea/formats/onnx.h"

#include <map>
#include <set>
#include <sstream>

#include <nlohmann/json.hpp>

#include "tests/cli/command.h"

namespace fovea::test {
namespace {

using Json = nlohmann::json;

// The verbs on an .onnx file, beside the fovea model that it was written from.
class CliOnnx : public CommandTest {
 protected:
  void SetUp() override {
    CommandTest::SetUp();
    write_photos("photos", 4);
    Outcome o = fovea(
        "train --data photos --model resnet20 --name m --epochs 1 --batch 4 -q --set "
        "data.height=8 --set optimizer.name=adam");
    ASSERT_EQ(o.code, 0) << o.err;
    o = fovea("convert " + model + " m.onnx");
    if (o.code != 0) GTEST_SKIP() << o.err;  // a build without ONNX
  }
  const std::string model = "runs/m/model.safetensors";
};

TEST_F(CliOnnx, GivesWhatTheModelGives) {
  for (const char* words :
       {"eval % --data photos --split train --json", "predict % photos --json"}) {
    auto run = [&](const std::string& file) {
      std::string line = words;
      const Outcome o = fovea(line.replace(line.find('%'), 1, file));
      EXPECT_EQ(o.code, 0) << o.err;
      Json all = Json::array();
      std::istringstream lines(o.out);
      if (line.starts_with("eval")) return Json::array({Json::parse(o.out)});
      for (std::string text; std::getline(lines, text);) all.push_back(Json::parse(text));
      return all;
    };
    const Json expected = run(model), got = run("m.onnx");
    ASSERT_EQ(got.size(), expected.size());
    for (size_t i = 0; i < got.size(); ++i) {
      for (const char* key : {"file", "correct", "samples", "confusion"})
        EXPECT_EQ(got[i].value(key, Json()), expected[i].value(key, Json()));
      if (!got[i].contains("top")) {
        EXPECT_NEAR(got[i].at("loss"), expected[i].at("loss"), 1e-5);
        continue;
      }
      for (size_t k = 0; k < 2; ++k) {
        const Json &a = got[i].at("top")[k], &b = expected[i].at("top")[k];
        EXPECT_EQ(a.at("class"), b.at("class"));
        EXPECT_NEAR(a.at("probability"), b.at("probability"), 1e-5);
      }
    }
  }
  Outcome o = fovea("features m.onnx --data photos --split train --json");
  EXPECT_EQ(o.code, 0) << o.err;
  EXPECT_EQ(Json::parse(o.out).at("shape")[1], 64);  // what the head of a ResNet-20 reads
  EXPECT_HAS(fovea("models m.onnx").out, "layer1.0");
  EXPECT_HAS(fovea("convert m.onnx weights.npz").out, ", ONNX");
  o = fovea("predict m.onnx photos --preprocess unit");
  EXPECT_EQ(o.code, 2);
  EXPECT_HAS(o.err, "records its preprocessing");
}

// What is made of an ONNX file is a model like any other.
TEST_F(CliOnnx, IsFineTuned) {
  const std::string tuned = "runs/tuned/model.safetensors";
  Outcome o = fovea(
      "finetune m.onnx --data photos --mode last --stages 1 --epochs 1 --batch 4 --name tuned -q "
      "--set data.height=8");
  ASSERT_EQ(o.code, 0) << o.err;
  const std::vector<std::string> lines{
      "predict " + tuned + " photos/red/0.ppm",
      "eval " + tuned + " --data photos --split train",
      "features " + tuned + " --data photos --split train",
      "convert " + tuned + " tuned.onnx",
      "parity " + tuned + " tuned.onnx --data photos --limit 1",
      "train --resume runs/tuned",
      "doctor runs/tuned",
      "finetune " + tuned + " --data photos --mode features --name again",
      "convert m.onnx whole.safetensors",
      "predict whole.safetensors photos/red/0.ppm"};
  for (const std::string& line : lines) {
    o = fovea(line);
    EXPECT_TRUE(o.code == 0 || (line.starts_with("doctor") && o.code == 4)) << line << o.err;
  }
  o = fovea("models " + tuned + " --json");
  const Json shown = Json::parse(o.out);
  std::map<std::string, int> parameters;
  for (const Json& layer : shown.at("layers"))
    parameters[layer.at("path").get<std::string>()] += layer.at("parameters").get<int>();
  EXPECT_EQ(parameters.at("linear"), 2 * 64 + 2);
  EXPECT_EQ(parameters.at("conv1"), 16 * 27 + 16);  // with the batch norm folded into it
}

TEST_F(CliOnnx, ParityNamesTheFirstLayerThatDiffers) {
  Outcome o = fovea("parity " + model + " m.onnx --data photos --limit 2 --json");
  EXPECT_EQ(o.code, 0) << o.err;
  const Json j = Json::parse(o.out);
  EXPECT_EQ(j.at("equal"), true);
  std::set<std::string> stages;
  for (const Json& s : j.at("stages")) stages.insert(s.at("stage"));
  for (const char* name : {"decode", "bn1", "layer2.0", "layer3.2.bn2", "linear", "output"})
    EXPECT_TRUE(stages.contains(name)) << name;

  formats::OnnxModel m = formats::read_onnx(path("m.onnx"));
  for (auto& [name, t] : m.initializers)
    if (name.starts_with("layer2.1.conv1") && t.rank() == 4)
      t = Tensor::from(std::vector<float>(size_t(t.numel()), 0.1F), t.shape());
  write("changed.onnx", formats::onnx_bytes(m));
  for (const std::string& pair : {model + " changed.onnx", std::string("changed.onnx ") + model}) {
    o = fovea("parity " + pair + " --data photos --limit 1 --json");
    EXPECT_EQ(o.code, 4) << o.err;
    EXPECT_EQ(Json::parse(o.out).at("first"), "layer2.1.bn1");
  }

  m.metadata.clear();
  write("foreign.onnx", formats::onnx_bytes(m));
  o = fovea("predict foreign.onnx photos");
  EXPECT_EQ(o.code, 2);
  EXPECT_HAS(o.err, "say it by --preprocess");
  write("names.txt", "sea\nland\n");
  o = fovea("predict foreign.onnx photos/red/0.ppm --preprocess unit --class-names names.txt");
  EXPECT_EQ(o.code, 0) << o.err;
  EXPECT_HAS(o.out, "land");
  o = fovea("parity " + model + " foreign.onnx --data photos --limit 1");
  EXPECT_EQ(o.code, 4);
  EXPECT_HAS(o.err, "foreign.onnx records no preprocessing: it gets the other's");
}

}  // namespace
}  // namespace fovea::test
