// What the command says of mistakes, before it works.
#include "tests/cli/command.h"

namespace fovea::test {
namespace {

class CliMessages : public CommandTest {
 protected:
  struct Case {
    const char *words, *message;
  };
  void expect(int code, std::initializer_list<Case> cases) const {
    for (const Case& c : cases) {
      const Outcome o = fovea(c.words);
      EXPECT_EQ(o.code, code) << c.words << o.err;
      EXPECT_EQ(o.out, "") << c.words;
      EXPECT_HAS(o.err, c.message);
    }
  }
};

TEST_F(CliMessages, ValuesOfOptions) {
  expect(
      2,
      {{"train --epochs 1.5", "--epochs: expected a whole number, got 1.5"},
       {"train --list", "--list: expected one of {settings,layers,augment,optimizers,schedules}"},
       {"train --epochs", "--epochs: expected 1 value, got none (Passes over the data)"},
       {"models lenet5 --input 3 4", "--input: expected 3 values, got 2 (Height, width"},
       {"predict m.safetensors x.jpg --mc-dropout 1", "expected at least 2 draws"},
       {"loss-surface r --seed=-1", "--seed: expected a number of at least 0, got -1"},
       {"search --vary train.batch=lgo:1:9", "expected log:LOW:HIGH, uniform:LOW:HIGH or A,B,C"},
       {"train --model tree --set tree.depth=30", "expected tree.depth from 1 to 16, got 30"}});
}

TEST_F(CliMessages, EndingsOfFilesToWrite) {
  expect(
      2,
      {{"models lenet5 --svg x.png", "--svg: expected a file that ends with .svg, got \"x.png\""},
       {"ensemble a.safetensors --out x.npz", "ends with .safetensors, got \"x.npz\""},
       {"bench lenet5 --html x.txt", "--html: expected a file that ends with .html"},
       {"profile --html x.txt", "--html: expected a file that ends with .html"},
       {"doctor --html x.txt", "--html: expected a file that ends with .html"},
       {"data digits --sheet x.pdf", "ends with .png, .jpg or .jpeg, got \"x.pdf\""},
       {"cross-validate --chart x.png", "--chart: expected a file that ends with .svg"}});
  expect(
      3,
      {{"data digits --sheet nowhere/x.png", "nowhere/x.png: cannot be created"},
       {"doctor --apply nowhere/x.toml", "nowhere/x.toml: cannot be created"}});
}

TEST_F(CliMessages, FilesToWriteAreTriedFirst) {
  expect(
      3,
      {{"features m.safetensors --data digits --out nowhere/x", "nowhere/x.npy: cannot be"},
       {"convert m.safetensors nowhere/x.npz", "nowhere/x.npz: cannot be created"}});
  expect(2, {{"pull resnet18 --out x.npz", "--out: expected a file that ends with .safetensors"}});
}

TEST_F(CliMessages, ModelsThatAVerbCanSayNothingOf) {
  write_photos("photos", 4);
  expect(
      2,
      {{"toy --model lenet5", "softmax, rbf, tree or layers, got lenet5"},
       {"find-lr --model knn --data photos", "learns by steps; knn is fitted at once"},
       {"compare-init --model tree --data photos", "learns by steps; tree is fitted at once"},
       {"bench espnet --train", "scores for each pixel"},
       {"finetune m.safetensors", "--data is required: your own pictures"}});
  EXPECT_FALSE(exists("runs"));
}

TEST_F(CliMessages, ADryRunMakesAllThatTrainingBeginsWith) {
  write_photos("photos", 4);
  const Outcome o = fovea("train --dry-run --data photos --model linear");
  EXPECT_EQ(o.code, 0) << o.err;
  EXPECT_HAS(o.err, "the recipe is well formed: linear-photos");
  expect(
      2,
      {{"train --dry-run --set optimizer.name=lbfgs", "\"lbfgs\""},
       {"train --dry-run --data photos --set schedule.name=foo --model linear", "\"foo\""},
       {"train --dry-run --model nosuch", "lists the networks, and there are knn, svm, l2svm"},
       {"train --dry-run --data photos --model rbf", "lower rbf.units"},
       {"train --dry-run --data photos --model linear --set model.freeze=fc9", "fc9"}});
  expect(3, {{"train --dry-run --data nowhere", "nowhere"}});
  EXPECT_FALSE(exists("runs"));
}

TEST_F(CliMessages, FilesOfAnotherKind) {
  write("text.safetensors", "These are some words, and no model.");
  write("binary.toml", std::string("a\0b", 3));
  write("demo/model.safetensors", "");
  write("bad.json", "{\"resize\": ");
  write("net.param", "7767517");
  std::filesystem::create_directory(path("bare"));
  expect(
      3,
      {{"train bare", "bare: expected a recipe (a .toml file), got a folder"},
       {"train binary.toml", "got a file that is no text"},
       {"loss-surface bare", "bare: not the folder of a run: it has no recipe.toml"},
       {"loss-surface none", "none: there is no such folder"},
       {"eval bare --data digits", "bare: expected a file, got a folder"},
       {"eval demo --data digits", "did you mean \"demo/model.safetensors\"?"},
       {"eval text.safetensors --data digits", "not a model file (.safetensors of fovea), or cut"},
       {"models nofile.safetensors",
        "nofile.safetensors: there is no such file; give a model file"},
       {"models runs/nofile", "runs/nofile: there is no such file"},
       {"eval n.onnx --data digits --preprocess r.json", "r.json: cannot be read: No such file"},
       {"eval n.onnx --data digits --preprocess bad.json",
        "bad.json: [preprocess] expected a JSON"},
       {"convert net.param net.npz",
        "net.param: it needs its weights beside it, and there is no"}});
}

TEST_F(CliMessages, PicturesTooFewToKeepSomeForValidation) {
  write_photos("photos", 1);
  expect(
      2,
      {{"train --model linear --data photos --batch 1",
        "data.val = 0.1: [split] expected a share in (0, 1) that leaves samples on both sides, got "
        "0.1 of 2 samples; give more pictures"}});
}

TEST_F(CliMessages, VariablesThatNothingReads) {
  Outcome o = fovea(
      "train --print-config", "FOVEA_OPTIMIZR_LR=1 FOVEA_LR=1 FOVEA_THREAD=1 FOVEA_TEST_DATA=x");
  EXPECT_EQ(o.code, 0) << o.err;
  EXPECT_HAS(o.err, "FOVEA_OPTIMIZR_LR is not used; did you mean \"FOVEA_OPTIMIZER_LR\"?");
  EXPECT_HAS(o.err, "FOVEA_LR is not used; a setting is FOVEA_<SECTION>_<NAME>");
  EXPECT_HAS(o.err, "FOVEA_THREAD is not used; did you mean \"FOVEA_THREADS\"?");
  EXPECT_EQ(o.err.find("FOVEA_TEST_DATA"), std::string::npos);
  o = fovea("train --print-config", "FOVEA_THREADS=abc");
  EXPECT_EQ(o.code, 2);
  EXPECT_HAS(o.err, "FOVEA_THREADS: expected a whole number of at least 0, got \"abc\"");
}

}  // namespace
}  // namespace fovea::test
