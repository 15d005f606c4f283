// fovea finetune and features: what they refuse, what they leave out, and what they say of both.
#include <nlohmann/json.hpp>

#include "tests/cli/command.h"

namespace fovea::test {
namespace {

using Json = nlohmann::json;

class CliFinetune : public CommandTest {
 protected:
  void SetUp() override {
    CommandTest::SetUp();
    write_photos("photos");
    const Outcome o = fovea(
        "train --model lenet5 --name old --epochs 1 --batch 25 --set data.limit=100 -q "
        "--set run.doctor=false --set train.looks=0");
    ASSERT_EQ(o.code, 0) << o.err;
  }
  const std::string model = "runs/old/model.safetensors";
  const std::string finetune = "finetune " + model + " --data photos --batch 4 --epochs 1 ";
};

TEST_F(CliFinetune, NeverDeletesTheModelItBeginsFrom) {
  const std::string before = read(model);
  ASSERT_FALSE(before.empty());
  for (const std::string& words :
       {finetune + "--mode last --name old --overwrite",
        finetune + "--mode features --name old --overwrite",
        "train --model lenet5 --data photos --name old --overwrite --set model.init=" + model}) {
    const Outcome o = fovea(words);
    EXPECT_EQ(o.code, 2) << words;
    EXPECT_HAS(o.err, "give the new run another --name");
    EXPECT_EQ(read(model), before) << words;
    EXPECT_TRUE(exists("runs/old/last.safetensors")) << words;
  }
}

TEST_F(CliFinetune, ShowsTheTableInEveryMode) {
  Outcome o = fovea(finetune + "--json --mode all --name all");
  EXPECT_EQ(o.code, 0) << o.err;
  EXPECT_HAS(o.err, "mode all, as was asked; the advice: ");
  EXPECT_HAS(o.err, "many unlike  --mode all");
  const Json advice = Json::parse(o.out).at("advice");
  EXPECT_EQ(advice.at("pictures").at("smallest"), 9);  // one is kept for validation
  EXPECT_EQ(advice.at("separation").at("classes"), 2);
  o = fovea("finetune " + model + " --data photos --json --name auto");
  EXPECT_EQ(o.code, 0) << o.err;
  const Json j = Json::parse(o.out).at("advice");
  EXPECT_HAS(o.err, "mode " + j.at("mode").get<std::string>() + ", chosen by this: ");
}

TEST_F(CliFinetune, CountsPicturesThatCannotBeRead) {
  write("photos/red/bad.ppm", "no picture");
  Outcome o = fovea("features " + model + " --data photos --json");
  EXPECT_EQ(o.code, 0) << o.err;
  Json j = Json::parse(o.out);
  EXPECT_EQ(j.at("skipped"), 1);
  EXPECT_EQ(j.at("shape")[0], 20);
  EXPECT_HAS(fovea("features " + model + " --data photos").out, "1 unreadable left out");
  o = fovea(
      "finetune " + model +
      " --data photos --mode features --json --set data.max_corrupt=0.5 --name f");
  EXPECT_EQ(o.code, 0) << o.err;
  j = Json::parse(o.out);
  EXPECT_EQ(j.at("train").at("skipped").get<int>() + j.at("val").at("skipped").get<int>(), 1);
  EXPECT_HAS(o.err, "fc3.weight: expected (2, 84), got (10, 84)");  // notes come in this mode, too
}

TEST_F(CliFinetune, SaysWhatHasNoEffect) {
  Outcome o = fovea(finetune + "--mode features --stages 1 --name f");
  EXPECT_EQ(o.code, 0) << o.err;
  EXPECT_HAS(
      o.err,
      "note: without effect: train.batch (--batch), train.epochs (--epochs), --stages; mode "
      "features fits a linear classifier by a way of its own");
  o = fovea(finetune + "--mode all --classifier svm --print-config");
  EXPECT_HAS(o.err, "note: without effect: --classifier; it is for mode features");
  o = fovea(finetune + "--mode last --print-config --json --set model.head=own");
  EXPECT_EQ(Json::parse(o.out).at("model.head").at("value"), "own");
}

TEST_F(CliFinetune, RefusesWhatContradictsItself) {
  Outcome o = fovea(finetune + "--set model.from=other.safetensors");
  EXPECT_EQ(o.code, 2);
  EXPECT_HAS(o.err, "--set: model.from is other.safetensors");
  o = fovea(finetune + "--mode last --set model.freeze=fc3");
  EXPECT_EQ(o.code, 2);
  EXPECT_HAS(o.err, "model.freeze: fc3.bias does not fit");
  o = fovea("finetune " + model + " --data photos --mode features --name " + std::string(300, 'x'));
  EXPECT_EQ(o.code, 3);
  EXPECT_HAS(o.err, "choose a shorter --name");
}

TEST_F(CliFinetune, AnEnsembleHasNoHeadOfItsOwn) {
  std::filesystem::copy_file(path(model), path("b.safetensors"));
  Outcome o = fovea("ensemble " + model + " b.safetensors --out e.safetensors");
  ASSERT_EQ(o.code, 0) << o.err;
  for (const char* data : {"photos", "digits"}) {
    o = fovea(std::string("finetune e.safetensors --data ") + data + " --set data.limit=40");
    EXPECT_EQ(o.code, 2) << data;
    EXPECT_HAS(o.err, "fine-tune its members and join them again with `fovea ensemble`");
  }
  o = fovea("features e.safetensors --data photos");
  EXPECT_EQ(o.code, 2);
  EXPECT_HAS(o.err, "members.0.fc3.input, members.1.fc3.input");
  o = fovea("features e.safetensors --data photos --layer members.1.fc3.input");
  EXPECT_EQ(o.code, 0) << o.err;
}

TEST_F(CliFinetune, ARunThatGoesOnNamesWhatHasMoved) {
  std::filesystem::rename(path(model), path("a.safetensors"));
  Outcome o =
      fovea("finetune a.safetensors --data photos --mode last --epochs 1 --batch 4 --name r -q");
  ASSERT_EQ(o.code, 0) << o.err;
  std::filesystem::rename(path("a.safetensors"), path("b.safetensors"));
  o = fovea("train --resume runs/r");
  EXPECT_EQ(o.code, 3);
  EXPECT_HAS(
      o.err, "a.safetensors: there is no such file, and runs/r/recipe.toml names it as model.from");
}

}  // namespace
}  // namespace fovea::test
