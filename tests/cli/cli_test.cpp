#include <sstream>

#include <nlohmann/json.hpp>

#include "tests/cli/command.h"

namespace fovea::test {
namespace {

using Json = nlohmann::json;

// clang-format off
const char* const verbs[] = {
    "train",
    "doctor",
    "find-lr",
    "search",
    "cross-validate",
    "compare-init",
    "loss-surface",
    "toy",
    "eval",
    "predict",
    "serve",
    "ensemble",
    "models",
    "convert",
    "pull",
    "data",
    "bench",
    "profile",
    "tune",
    "completion"};
// clang-format on

// A model of digits and one of coloured squares for all tests, made once.
class Cli : public CommandTest {
 protected:
  void SetUp() override {
    CommandTest::SetUp();
    static const std::filesystem::path shared = make_models();
    for (const char* model : {"digits.safetensors", "photos.safetensors"})
      std::filesystem::copy_file(shared / model, path(model));
    std::filesystem::remove_all(path("runs"));
  }

 private:
  std::filesystem::path make_models() {
    Outcome o = fovea(
        "train --model lenet5 --name digits --epochs 2 --batch 25 --lr 0.005 --set "
        "data.limit=500 -q");
    EXPECT_EQ(o.code, 0) << o.err;
    write_photos("photos");
    o = fovea("train --data photos --model linear --name photos --epochs 20 --batch 4 -q");
    EXPECT_EQ(o.code, 0) << o.err;
    static struct Shared {
      std::filesystem::path folder;
      ~Shared() { std::filesystem::remove_all(folder); }
    } shared;
    shared.folder =
        std::filesystem::path(testing::TempDir()) / ("fovea_cli_" + std::to_string(::getpid()));
    std::filesystem::create_directories(shared.folder);
    for (const char* name : {"digits", "photos"})
      std::filesystem::copy_file(
          path("runs/" + std::string(name) + "/model.safetensors"),
          shared.folder / (std::string(name) + ".safetensors"),
          std::filesystem::copy_options::overwrite_existing);
    std::filesystem::remove_all(path("photos"));
    return shared.folder;
  }
};

TEST_F(Cli, HelpOfEveryVerbHasExamplesAndGoesToStdout) {
  Outcome top = fovea("--help");
  EXPECT_EQ(top.code, 0);
  EXPECT_HAS(fovea("").out, "Examples:");
  for (const char* verb : verbs) {
    EXPECT_HAS(top.out, verb);
    for (const char* flag : {" --help", " -h"}) {
      Outcome o = fovea(verb + std::string(flag));
      EXPECT_EQ(o.code, 0) << verb;
      EXPECT_EQ(o.err, "") << verb;
      EXPECT_HAS(o.out, std::string("Examples:\n  fovea ") + verb);
    }
  }
  EXPECT_HAS(fovea("--version").out, "fovea 0.");
}

TEST_F(Cli, MistakesInUseAreCodeTwoWithTheNearestName) {
  const std::pair<const char*, const char*> cases[] = {
      {"trian", "unknown verb \"trian\"; did you mean \"train\"?"},
      {"train --dta digits", "unknown option \"--dta\"; did you mean \"--data\"?"},
      {"train --set train.epoch=3",
       "--set: unknown key \"train.epoch\"; did you mean \"train.epochs\"?"},
      {"train --set train.epochs", "expected key=value"},
      {"train --set train.epochs=few", "expected a whole number for \"train.epochs\""},
      {"train --model lenet55", "unknown model \"lenet55\"; did you mean \"lenet5\"?"},
      {"train --set optimizer.name=adan", "did you mean \"adam\"?"},
      {"train --epochs 0", "--epochs: expected a number above 0, got 0"},
      {"train --seed=-3", "--seed: expected a number of at least 0, got -3"},
      {"train --resume x --epochs 3", "give --resume without settings"},
      {"models lenet4", "did you mean \"lenet5\"?"},
      {"models convnext", "did you mean \"convnext_tiny\"?"},
      {"models lenet5 --input 3 4", "--input"},
      {"eval digits.safetensors", "--data is required"},
      {"eval digits.safetensors --data digits --split dev",
       "expected one of train, val, test, got dev"},
      {"eval digits.safetensors --data digits --split val", "the source has no val split"},
      {"completion tcsh", "expected one of bash, zsh, fish, man, got tcsh"},
      {"predict", "model is required"},
  };
  for (auto [words, message] : cases) {
    Outcome o = fovea(words);
    EXPECT_EQ(o.code, 2) << words;
    EXPECT_EQ(o.out, "") << words;
    EXPECT_HAS(o.err, message);
  }
  EXPECT_FALSE(exists("runs"));
}

TEST_F(Cli, BadDataIsCodeThree) {
  write("r.toml", "");
  write("junk.safetensors", "junk");
  write_ppm("one/cat/a.ppm", 1, 2, 3);
  write_ppm("loose/a.ppm", 1, 2, 3);
  std::filesystem::create_directory(path("bare"));
  const std::pair<const char*, const char*> cases[] = {
      {"data nowhere", "nowhere"},
      {"train --data one", "has 1 class: cat"},
      {"data loose", "expected a folder per class"},
      {"data bare", "found no pictures in bare"},
      {"eval digits.safetensors --data one", "has classes that are not among the 10 expected ones"},
      {"eval none.safetensors --data digits", "none.safetensors"},
      {"eval junk.safetensors --data digits", "junk.safetensors"},
      {"predict junk.safetensors r.toml", "junk.safetensors"},
      {"predict digits.safetensors r.toml", "r.toml"},
      {"predict digits.safetensors one/dog.jpg", "one/dog.jpg"},
      {"train none.toml", "none.toml: cannot be opened"},
      {"train --resume none", "none: there is no such folder; give that of a run"},
      {"models junk.safetensors", "junk.safetensors"},
  };
  for (auto [words, message] : cases) {
    Outcome o = fovea(words);
    EXPECT_EQ(o.code, 3) << words << o.err;
    EXPECT_EQ(o.out, "") << words;
    EXPECT_HAS(o.err, message);
  }
}

TEST_F(Cli, TrainPrintsTheResultAndShowsProgressOnStderr) {
  const std::string words =
      "train --model linear --epochs 2 --batch 50 --set data.limit=300 --name ";
  Outcome o = fovea(words + "a");
  EXPECT_EQ(o.code, 0) << o.err;
  EXPECT_HAS(o.out, "validation");
  EXPECT_HAS(o.out, "test ");
  EXPECT_HAS(o.out, "runs/a/model.safetensors");
  EXPECT_HAS(o.err, "epoch 1/2");
  EXPECT_EQ(o.err.find('\x1b'), std::string::npos);  // no terminal, no colours
  EXPECT_EQ(o.err.find('\r'), std::string::npos);
  EXPECT_EQ(fovea(words + "b -q").err, "");
  EXPECT_HAS(fovea(words + "c", "CLICOLOR_FORCE=1").err, "\x1b[");

  o = fovea(words + "d --json");
  Json j = Json::parse(o.out);
  EXPECT_EQ(j.at("folder"), "runs/d");
  EXPECT_EQ(j.at("interrupted"), false);
  EXPECT_EQ(j.at("steps"), 10);
  EXPECT_EQ(j.at("test").at("samples"), 2000);

  o = fovea(words + "a -q");  // never over another run
  EXPECT_TRUE(exists("runs/a-2/model.safetensors"));
  o = fovea(words + "a -q --overwrite");
  EXPECT_FALSE(exists("runs/a-3"));
}

TEST_F(Cli, PrintConfigShowsWhoSetWhat) {
  write("r.toml", "[train]\nepochs = 3\nbatch = 16\nclip_norm = 0.5\n[run]\nseed = 9\n");
  Outcome o = fovea(
      "train r.toml --print-config --batch 32 --set run.seed=11 --json",
      "FOVEA_TRAIN_BATCH=8 FOVEA_TRAIN_EPOCHS=4");
  EXPECT_EQ(o.code, 0) << o.err;
  Json j = Json::parse(o.out);
  auto entry = [&](const char* key) {
    return j.at(key).at("value").get<std::string>() + " " +
           j.at(key).at("origin").get<std::string>();
  };
  EXPECT_EQ(entry("train.clip_norm"), "0.5 r.toml:4");
  EXPECT_EQ(entry("train.epochs"), "4 environment FOVEA_TRAIN_EPOCHS");
  EXPECT_EQ(entry("train.batch"), "32 --batch");
  EXPECT_EQ(entry("run.seed"), "11 --set");
  EXPECT_EQ(entry("data.source"), "digits default");
  EXPECT_HAS(fovea("train r.toml --print-config").out, "# r.toml:4");
  EXPECT_HAS(fovea("train r.toml --dry-run").err, "well formed");
  EXPECT_FALSE(exists("runs"));
}

TEST_F(Cli, ListsWhatARecipeCanDrawOn) {
  std::map<std::string, Json> tables;
  for (const char* table : {"settings", "layers", "augment", "optimizers", "schedules"}) {
    std::string words = std::string("train --list ") + table;
    std::string text = fovea(words).out;
    tables[table] = Json::parse(fovea(words + " --json").out);
    EXPECT_GT(tables[table].size(), 3u) << table;
    for (const Json& entry : tables[table]) {  // the same things as in the text
      EXPECT_HAS(text, entry.at("name").get<std::string>());
      EXPECT_HAS(text, entry.at("what").get<std::string>());
    }
  }
  auto find = [](const Json& list, const std::string& name) {
    for (const Json& entry : list)
      if (entry.at("name") == name) return entry;
    return Json();
  };
  EXPECT_EQ(find(tables["settings"], "train.epochs").at("default"), "10");
  Json conv = find(tables["layers"], "conv").at("options");
  EXPECT_TRUE(find(conv, "out").at("default").is_null());  // must be given
  EXPECT_EQ(find(conv, "stride").at("default"), "1");
  EXPECT_EQ(find(find(tables["optimizers"], "sgd").at("options"), "momentum").at("default"), "0");
  EXPECT_EQ(find(find(tables["augment"], "random_crop").at("options"), "padding").at("default"), 4);
  EXPECT_GT(find(tables["schedules"], "one_cycle").at("options").size(), 2u);
}

TEST_F(Cli, EverySettingOfARecipeHasAVariable) {
  Outcome o = fovea(
      "train --print-config --json --set schedule.rise=0.5",
      "FOVEA_OPTIMIZER_NAME=sgd FOVEA_OPTIMIZER_LR=0.25 FOVEA_OPTIMIZER_WEIGHT_DECAY=1e-4 "
      "FOVEA_SCHEDULE_RISE=0.1 FOVEA_DATA_MAX_CORRUPT=0.5 FOVEA_TRAIN_EPOCHS= FOVEA_TEST_DATA=x "
      "FOVEA_THREADS=1 FOVEA_=1 FOVEATRAIN=1");
  EXPECT_EQ(o.code, 0) << o.err;
  Json j = Json::parse(o.out);
  auto entry = [&](const char* key) {
    return j.at(key).at("value").get<std::string>() + " " +
           j.at(key).at("origin").get<std::string>();
  };
  EXPECT_EQ(entry("optimizer.name"), "sgd environment FOVEA_OPTIMIZER_NAME");
  EXPECT_EQ(entry("optimizer.lr"), "0.25 environment FOVEA_OPTIMIZER_LR");
  EXPECT_EQ(entry("optimizer.weight_decay"), "1e-4 environment FOVEA_OPTIMIZER_WEIGHT_DECAY");
  EXPECT_EQ(entry("data.max_corrupt"), "0.5 environment FOVEA_DATA_MAX_CORRUPT");
  EXPECT_EQ(entry("schedule.rise"), "0.5 --set");
  EXPECT_EQ(entry("train.epochs"), "10 default");  // empty is not set

  const std::pair<const char*, const char*> mistakes[] = {
      {"FOVEA_TRAIN_EPOCH=3",
       "environment FOVEA_TRAIN_EPOCH: unknown key \"train.epoch\"; did you mean "
       "\"train.epochs\"?"},
      {"FOVEA_TRAIN_EPOCHS=few",
       "environment FOVEA_TRAIN_EPOCHS: expected a whole number for \"train.epochs\""},
      {"FOVEA_OPTIMIZER_LRR=3",
       "environment FOVEA_OPTIMIZER_LRR: unknown key \"optimizer.lrr\", adamw takes"},
      {"FOVEA_MODEL_LAYERS=3", "FOVEA_MODEL_LAYERS: \"model.layers\" is a list of tables"},
  };
  for (auto [variable, message] : mistakes) {
    o = fovea("train --dry-run", variable);
    EXPECT_EQ(o.code, 2) << variable;
    EXPECT_HAS(o.err, message);
  }
}

TEST_F(Cli, EvalGivesTablesOrJson) {
  Outcome o = fovea("eval digits.safetensors --data digits");
  EXPECT_EQ(o.code, 0) << o.err;
  for (const char* part : {"top-1", "balanced", "precision", "true \\ predicted", "worst mistakes"})
    EXPECT_HAS(o.out, part);
  EXPECT_HAS(o.err, "images/s");

  o = fovea("eval digits.safetensors --data digits --json --mistakes 3");
  Json j = Json::parse(o.out);
  EXPECT_EQ(j.at("samples"), 2000);
  EXPECT_EQ(j.at("classes").size(), 10u);
  EXPECT_EQ(j.at("mistakes").size(), 3u);
  int64_t all = 0, right = 0;
  for (size_t r = 0; r < 10; ++r)
    for (size_t c = 0; c < 10; ++c) {
      all += j["confusion"][r][c].get<int64_t>();
      right += r == c ? j["confusion"][r][c].get<int64_t>() : 0;
    }
  EXPECT_EQ(all, 2000);
  EXPECT_EQ(j.at("correct"), right);
  double recall = 0;
  for (const Json& c : j.at("classes")) recall += c.at("recall").get<double>() / 10;
  EXPECT_NEAR(j.at("balanced").get<double>(), recall, 1e-9);
  EXPECT_GT(right, 1000);
  EXPECT_EQ(
      Json::parse(fovea("eval digits.safetensors --data digits --split train --json").out)
          .at("samples"),
      10000);
}

TEST_F(Cli, PredictTakesFilesFoldersAndStandardInput) {
  write_photos("photos", 2);
  Outcome o = fovea("predict photos.safetensors photos/red/0.ppm photos/blue");
  EXPECT_EQ(o.code, 0) << o.err;
  EXPECT_HAS(o.out, "photos/red/0.ppm  red ");
  EXPECT_HAS(o.out, "photos/blue/1.ppm  blue ");

  o = fovea("predict photos.safetensors photos --json --top 1");
  std::istringstream lines(o.out);
  int count = 0;
  for (std::string line; std::getline(lines, line); ++count) {
    Json j = Json::parse(line);
    ASSERT_EQ(j.at("top").size(), 1u);
    auto name = j.at("top")[0].at("class").get<std::string>();
    EXPECT_HAS(j.at("file").get<std::string>(), "/" + name + "/");
    EXPECT_GT(j.at("top")[0].at("probability").get<double>(), 0.5);
  }
  EXPECT_EQ(count, 4);

  o = fovea("predict photos.safetensors - <photos/blue/0.ppm");
  EXPECT_EQ(o.code, 0) << o.err;
  EXPECT_HAS(o.out, "-  blue ");
  EXPECT_EQ(fovea("predict photos.safetensors - </dev/null").code, 3);
}

TEST_F(Cli, SeveralViewsOfEachPicture) {
  write_photos("photos", 4);
  const std::string eval = "eval photos.safetensors --data photos --split train --views ten-crop";
  Outcome o = fovea(eval + " --scales 14,16 --json");
  EXPECT_EQ(o.code, 0) << o.err;
  Json j = Json::parse(o.out);
  EXPECT_EQ(j.at("views").at("count"), 20);
  EXPECT_EQ(j.at("views").at("what"), "20 views: ten crops of 12 x 12 at 14, 16");
  EXPECT_EQ(j.at("samples"), 8);
  EXPECT_EQ(j.at("correct"), 8);
  EXPECT_HAS(o.err, "20 views: ten crops of 12 x 12 at 14, 16; their probabilities are averaged");
  o = fovea("predict --views flip --scales 14,16 photos.safetensors photos/red/0.ppm");
  EXPECT_EQ(o.code, 0) << o.err;
  EXPECT_HAS(o.out, "photos/red/0.ppm  red ");
  for (const std::string& words :
       {eval, std::string("predict photos.safetensors photos --views ten-crop")}) {
    o = fovea(words + " --scales 14,11");
    EXPECT_EQ(o.code, 2);
    EXPECT_HAS(
        o.err, "expected short sides of at least 12, so that 12 x 12 can be cut out, got 11");
  }
}

TEST_F(Cli, DenseSlidesTheNetwork) {
  write_ppm("wide.ppm", 200, 200, 200, 40, 60);
  Outcome o =
      fovea("predict digits.safetensors wide.ppm --dense --views flip --scales 28,36 --json");
  EXPECT_EQ(o.code, 0) << o.err;
  // 28 x 42 and 36 x 54, at steps of 4 pixels, each also mirrored.
  EXPECT_EQ(Json::parse(o.out).at("maps"), Json::parse("[[1, 4], [1, 4], [3, 7], [3, 7]]"));
  o = fovea("eval digits.safetensors --data digits --dense --scales 32 --json");
  EXPECT_EQ(o.code, 0) << o.err;
  EXPECT_EQ(Json::parse(o.out).at("views").at("what"), "1 view: whole pictures at 32");
  EXPECT_EQ(Json::parse(o.out).at("views").at("dense"), true);
  EXPECT_HAS(o.err, "1 view: whole pictures at 32");
}

TEST_F(Cli, EnsembleMakesOneModelOfSeveral) {
  const std::string train =
      "train --model linear --epochs 2 --batch 50 --set data.limit=200 --set train.snapshots=2 -q";
  EXPECT_EQ(fovea(train + " --name a").code, 0);
  Outcome o = fovea("ensemble runs/a --out both.safetensors --json");
  EXPECT_EQ(o.code, 0) << o.err;
  Json j = Json::parse(o.out);
  EXPECT_EQ(j.at("members").size(), 2u);
  EXPECT_EQ(j.at("parameters"), 2 * 7850);
  EXPECT_EQ(fovea("eval both.safetensors --data digits -q").code, 0);
  EXPECT_HAS(fovea("models both.safetensors").out, "members.1.1");
  EXPECT_EQ(fovea("convert both.safetensors both.npz").code, 0);
  o = fovea("ensemble runs/a --average --out mean.safetensors");
  EXPECT_EQ(o.code, 0) << o.err;
  EXPECT_HAS(o.out, "the mean weights of 2 models, 7850 parameters");

  o = fovea("ensemble digits.safetensors photos.safetensors --out none.safetensors");
  EXPECT_EQ(o.code, 2);
  EXPECT_HAS(
      o.err, "photos.safetensors does not fit digits.safetensors: expected 10 classes, got 2");
  EXPECT_HAS(fovea("ensemble runs --out none.safetensors").err, "no snapshots in it");
}

// Channels are converted as the model's file says, not refused.
TEST_F(Cli, PredictTakesGreyPicturesForColourModelsAndBack) {
  write_grey("grey.pgm", 12, 90);
  write_ppm("colour.ppm", 250, 20, 20, 28, 28);
  Outcome o = fovea("predict photos.safetensors grey.pgm");
  EXPECT_EQ(o.code, 0) << o.err;
  EXPECT_HAS(o.out, "grey.pgm  ");
  o = fovea("predict digits.safetensors colour.ppm");
  EXPECT_EQ(o.code, 0) << o.err;
  EXPECT_HAS(o.out, "colour.ppm  ");
}

TEST_F(Cli, PredictNamesBadPicturesAndGoesOn) {
  write_photos("photos", 1);
  write("photos/red/0.jpg", "no picture");
  Outcome o = fovea("predict photos.safetensors photos/red photos/blue");
  EXPECT_EQ(o.code, 3);
  EXPECT_HAS(o.out, "photos/red/0.ppm  red");
  EXPECT_HAS(o.out, "photos/blue/0.ppm  blue");
  EXPECT_HAS(o.err, "photos/red/0.jpg");
  EXPECT_HAS(o.err, "1 of 3 pictures could not be used");
  std::filesystem::create_directory(path("empty"));
  EXPECT_HAS(fovea("predict photos.safetensors empty").err, "no pictures in it");
}

TEST_F(Cli, FinetuneTeachesAModelOtherClasses) {
  write_photos("photos");
  Outcome o = fovea("finetune digits.safetensors --data photos --mode features --json -q");
  EXPECT_EQ(o.code, 0) << o.err;
  Json j = Json::parse(o.out);
  EXPECT_EQ(j.at("features"), 84);
  o = fovea("predict " + j.at("model").get<std::string>() + " photos/red/0.ppm --top 2 --json");
  EXPECT_EQ(Json::parse(o.out).at("top").size(), 2u);

  o = fovea(
      "finetune digits.safetensors --data photos --epochs 2 --batch 4 --mode last --stages 1");
  EXPECT_EQ(o.code, 0) << o.err;
  EXPECT_HAS(o.err, "fc3.weight: expected (2, 84), got (10, 84)");
  o = fovea("finetune digits.safetensors --data photos --mode all --print-config --json -q");
  EXPECT_EQ(Json::parse(o.out).at("model.from").at("value"), "digits.safetensors") << o.err;
  o = fovea("finetune digits.safetensors --data photos --mode most");
  EXPECT_EQ(o.code, 2);
  o = fovea("finetune nothing.safetensors --data photos");
  EXPECT_EQ(o.code, 3);
}

TEST_F(Cli, FindLrPrintsACurveAndWritesNothingElse) {
  const std::string recipe =
      "find-lr --data digits --model linear --batch 20 --steps 40 --set data.limit=300 "
      "--set optimizer.name=sgd ";
  Outcome o = fovea(recipe + "--json --out curve.csv");
  EXPECT_EQ(o.code, 0) << o.err;
  Json j = Json::parse(o.out);
  EXPECT_GT(j.at("points").size(), 10u);
  EXPECT_GT(j.at("suggestion").get<double>(), 1e-4);
  EXPECT_LT(j.at("suggestion").get<double>(), 1);
  EXPECT_TRUE(exists("curve.csv"));
  EXPECT_FALSE(exists("runs"));
  o = fovea(
      "find-lr --from digits.safetensors --data digits --mode last --stages 1 --steps 20 "
      "--batch 10 --set data.limit=120");
  EXPECT_EQ(o.code, 0) << o.err;
  EXPECT_HAS(o.out, "average");
  const std::pair<std::string, const char*> mistakes[] = {
      {"--min-lr 1 --max-lr 0.1", "expected 0 < min_lr < max_lr, got 1 and 0.1"},
      {"--steps 3", "at least 20 steps, got 3"},
      {"--out curve.png", "ends with .html, .svg or .csv"},
      {"--from digits.safetensors --mode features", "give --mode last or all"},
  };
  for (const auto& [words, message] : mistakes) {
    o = fovea("find-lr --data digits " + words);
    EXPECT_EQ(o.code, 2) << words;
    EXPECT_HAS(o.err, message);
  }
}

TEST_F(Cli, ConvertWritesOnnxOfAModel) {
  Outcome o = fovea("convert digits.safetensors digits.onnx --json");
  if (o.err.find("has no ONNX") != std::string::npos) GTEST_SKIP() << o.err;
  EXPECT_EQ(o.code, 0) << o.err;
  EXPECT_LT(Json::parse(o.out).at("difference"), 1e-4);
  EXPECT_NE(read("digits.onnx").find("scores"), std::string::npos);
  o = fovea("convert digits.safetensors digits.onnx --model lenet5");
  EXPECT_EQ(o.code, 2);
}

TEST_F(Cli, FeaturesWritesArrays) {
  write_photos("photos", 3);
  Outcome o = fovea("features digits.safetensors --data photos --split train");
  EXPECT_EQ(o.code, 0) << o.err;
  EXPECT_HAS(o.out, "84 features of each of 6 pictures");
  EXPECT_EQ(read("features.npy").substr(1, 5), "NUMPY");
  EXPECT_HAS(read("features-names.txt"), "red/0.ppm");
  o = fovea("features digits.safetensors --data photos --layer conv9");
  EXPECT_EQ(o.code, 2);
  EXPECT_HAS(o.err, "did you mean \"conv");
}

TEST_F(Cli, ModelsListsAllAndTheLayersOfOne) {
  EXPECT_HAS(fovea("models").out, "resnet152");
  Json all = Json::parse(fovea("models --json").out);
  EXPECT_GE(all.size(), 26u);
  for (const Json& j : all)
    if (j.at("name") == "resnet50") {
      EXPECT_EQ(j.at("parameters"), 25'557'032);
      EXPECT_EQ(j.at("torchvision").at("weights"), "ResNet50_Weights.IMAGENET1K_V1");
    }
  EXPECT_HAS(fovea("models lenet5").out, "61706 parameters");
  EXPECT_HAS(fovea("models vgg11").out, "torchvision vgg11 (VGG11_Weights.IMAGENET1K_V1)");
  Json one = Json::parse(fovea("models lenet5 --input 32 32 3 --classes 5 --json").out);
  EXPECT_EQ(one.at("layers")[0].at("path"), "conv1");
  EXPECT_EQ(one.at("layers")[0].at("output"), Json({32, 32, 6}));
  EXPECT_TRUE(one.at("multiply_adds").is_number_integer());
  EXPECT_HAS(fovea("models digits.safetensors").out, "61706 parameters");
  EXPECT_EQ(fovea("models digits.safetensors --input 28 28 1").code, 0);
  EXPECT_HAS(
      fovea("models digits.safetensors --input 40 40 1").err,
      "digits.safetensors takes inputs of (28, 28, 1); leave out --input");
  EXPECT_HAS(fovea("models digits.safetensors --classes 3").err, "has classes already");
}

TEST_F(Cli, ModelsDrawsANetwork) {
  Outcome o = fovea("models resnet18 --classes 5 --svg resnet18.svg");
  EXPECT_EQ(o.code, 0) << o.err;
  EXPECT_HAS(o.out, "layer4.1.conv2");  // the table, as ever
  EXPECT_HAS(o.err, "picture    resnet18.svg");
  EXPECT_HAS(read("resnet18.svg"), ">fc, 5</text>");
  EXPECT_EQ(fovea("models digits.safetensors --svg digits.svg").code, 0);
  EXPECT_HAS(read("digits.svg"), ">digits.safetensors</text>");
  o = fovea("models lenet5 --svg nowhere/lenet5.svg");
  EXPECT_EQ(o.code, 3);
  EXPECT_HAS(o.err, "nowhere/lenet5.svg");
  EXPECT_HAS(o.err, "No such file or directory");
  o = fovea("models --svg all.svg");
  EXPECT_EQ(o.code, 2);
  EXPECT_HAS(o.err, "name it");
}

TEST_F(Cli, DataCountsMeasuresAndDraws) {
  write_photos("photos", 3);
  Outcome o = fovea("data photos --sheet sheet.png --per-class 2");
  EXPECT_EQ(o.code, 0) << o.err;
  EXPECT_HAS(o.out, "6 pictures, 2 classes");
  EXPECT_EQ(read("sheet.png").substr(1, 3), "PNG");
  Json j = Json::parse(fovea("data photos --json").out);
  EXPECT_EQ(j.at("train").at("samples"), 6);
  EXPECT_EQ(j.at("train").at("classes").at("red"), 3);
  EXPECT_EQ(j.at("train").at("mean").size(), 3u);

  write("photos/red/3.ppm", "no picture");
  o = fovea("data photos");
  EXPECT_EQ(o.code, 3);
  EXPECT_HAS(o.out, "1 cannot be read, the first: ");
}

TEST_F(Cli, CompletionAndManualAreWellFormed) {
  auto checked = [&](const char* what, const char* tool, const std::string& check) {
    Outcome o = fovea(std::string("completion ") + what);
    EXPECT_EQ(o.code, 0);
    for (const char* verb : verbs) EXPECT_HAS(o.out, verb);
    write("script", o.out);
    if (shell(std::string("command -v ") + tool).code != 0) return;
    Outcome verdict = shell(check);
    EXPECT_EQ(verdict.code, 0) << what << ": " << verdict.err;
    EXPECT_EQ(verdict.err, "") << what;
  };
  checked("bash", "bash", "bash -n script");
  checked("zsh", "zsh", "zsh -n script");
  checked("fish", "fish", "fish -n script");
  // Without zsh and fish at hand: quotes within quotes, and only options with a value ask for one.
  std::string zsh = fovea("completion zsh").out, fish = fovea("completion fish").out;
  EXPECT_HAS(zsh, "recipe'\\''s");
  EXPECT_HAS(fish, "recipe\\'s");
  EXPECT_HAS(zsh, "'--json[Print the result as JSON]' ");
  EXPECT_HAS(zsh, "'--epochs[Passes over the data]:value:_files'");
  EXPECT_HAS(fish, "-l json -d");
  EXPECT_HAS(fish, "-l epochs -r -d");
  checked("man", "groff", "groff -man -ww -Tascii script");
  if (shell("command -v bash").code != 0) return;
  fovea("completion bash");
  write("script", read("out.txt"));
  Outcome o = shell(
      "bash -c '. ./script; COMP_WORDS=(fovea tra); COMP_CWORD=1; _fovea; echo ${COMPREPLY[@]}; "
      "COMP_WORDS=(fovea eval --da); COMP_CWORD=2; _fovea; echo ${COMPREPLY[@]}'");
  EXPECT_EQ(o.out, "train\n--data\n") << o.err;
}

TEST_F(Cli, AResultThatCannotBeWrittenIsAFailure) {
  if (!std::filesystem::exists("/dev/full")) GTEST_SKIP() << "needs /dev/full";
  Outcome o = fovea("models >/dev/full");
  EXPECT_EQ(o.code, 1);
  EXPECT_HAS(o.err, "cannot be written to standard output");
}

}  // namespace
}  // namespace fovea::test
