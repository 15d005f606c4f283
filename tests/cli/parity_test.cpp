#include <nlohmann/json.hpp>

#include "fovea/formats/safetensors_tree.h"
#include "tests/cli/command.h"
#include "tests/support/test_data.h"

namespace fovea::test {
namespace {

using Json = nlohmann::json;

class CliParity : public CommandTest {
 protected:
  // A model of two classes of coloured squares, and a copy with its description changed.
  void train() const {
    write_photos("photos", 4);
    const Outcome o = fovea("train --data photos --model linear --name m --epochs 1 --batch 4 -q");
    ASSERT_EQ(o.code, 0) << o.err;
  }
  template <class F>
  void write_changed(const std::string& name, F change) const {
    auto saved = formats::load_safetensors(path(model));
    Json description = Json::parse(saved.metadata.at("fovea"));
    change(description, saved.tensors);
    saved.metadata["fovea"] = description.dump();
    formats::save_safetensors(path(name), saved.tensors, saved.metadata);
  }
  Json parity(const std::string& words, int code) const {
    const Outcome o = fovea("parity " + words + " --json");
    EXPECT_EQ(o.code, code) << o.err;
    return Json::parse(o.out, nullptr, false);
  }
  const std::string model = "runs/m/model.safetensors";
};

TEST_F(CliParity, NamesTheFirstStageThatDiffers) {
  train();
  Json j = parity(model + " " + model + " --data photos/red", 0);
  EXPECT_EQ(j.at("equal"), true);
  EXPECT_EQ(j.at("pictures"), 4);
  EXPECT_EQ(j.at("first"), nullptr);

  write_changed("mean.safetensors", [](Json& d, Tree&) {
    d["preprocess"]["mean"] = {0.5, 0.5, 0.5};
  });
  j = parity(model + " mean.safetensors --data photos", 4);
  EXPECT_EQ(j.at("first"), "normalise");
  EXPECT_EQ(parity(model + " mean.safetensors --data photos --tolerance 2.1", 0).at("equal"), true);
  const Outcome text = fovea("parity " + model + " mean.safetensors --data photos");
  EXPECT_EQ(text.code, 4);
  EXPECT_HAS(text.out, "the first stage that differs is normalise: by ");

  write_changed(
      "classes.safetensors", [](Json& d, Tree&) { std::swap(d["classes"][0], d["classes"][1]); });
  EXPECT_EQ(parity(model + " classes.safetensors", 4).at("first"), "class names");

  write_changed("weights.safetensors", [](Json&, Tree& tensors) {
    for (auto& [name, t] : tensors)
      if (name.ends_with("bias")) t = Tensor::from<float>({7, 8}, {2});
  });
  j = parity(model + " weights.safetensors --data photos", 4);
  EXPECT_NE(j.at("first"), "normalise");
  for (const Json& stage : j.at("stages")) {
    const std::string name = stage.at("stage");
    if (name == "resize" || name == "normalise") {
      EXPECT_EQ(stage.at("difference"), 0);
    } else if (name == "output") {
      EXPECT_GT(stage.at("difference"), 0.1);
    }
  }

  EXPECT_EQ(fovea("parity " + model + " nowhere.safetensors").code, 3);
}

TEST_F(CliParity, WeightsAloneNeedTheNameOfTheirNetwork) {
  const auto folder = data_root() / "cifar_resnet";
  FOVEA_NEEDS_DATA(folder);
  const std::string both = (folder / "resnet20-12fca82f.th").string() + " " +
                           (folder / "resnet20-12fca82f.safetensors").string();
  const Outcome o = fovea("parity " + both);
  EXPECT_EQ(o.code, 2);
  EXPECT_HAS(o.err, "holds weights alone; name their network by --model");
  const Json j = parity(both + " --model resnet20", 0);
  ASSERT_GT(j.at("stages").size(), 20u);
  EXPECT_EQ(j.at("stages").back().at("stage"), "output");
  EXPECT_EQ(j.at("stages")[2].at("stage"), "conv1");  // in the order in which they run
  EXPECT_EQ(parity(both + " --model resnet20 --classes 7", 2).is_discarded(), true);
}

}  // namespace
}  // namespace fovea::test
