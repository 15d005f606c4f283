#include "fovea/train/config.h"

#include <gtest/gtest.h>

#include "fovea/core/errors.h"
#include "fovea/train/recipe.h"
#include "tests/support/check_op.h"
#include "tests/support/expect.h"
#include "tests/support/folder.h"

namespace fovea::train {
namespace {

using test::message_of;

std::string error_of(const std::string& toml) {
  return message_of([&] { recipe_config().read_toml_text(toml, "r.toml"); });
}

TEST(Config, DefaultsComeFromTheTable) {
  Config c = recipe_config();
  EXPECT_EQ(c.text("data.source"), "digits");
  EXPECT_EQ(c.integer("train.epochs"), 10);
  EXPECT_EQ(c.number("data.val"), 0.1);
  EXPECT_FALSE(c.boolean("data.allow_missing_classes"));
  EXPECT_EQ(c.origin("train.epochs"), "default");
  EXPECT_FALSE(c.is_set("train.epochs"));
  EXPECT_NO_THROW(Recipe{c});
}

TEST(Config, LaterSourcesWinAndSayWhere) {
  Config c = recipe_config();
  c.read_toml_text("[train]\nepochs = 3\nbatch = 16\n", "r.toml");
  c.set("train.epochs", "4", "--epochs");
  c.set_expression("train.epochs=5", "--set");
  EXPECT_EQ(c.integer("train.epochs"), 5);
  EXPECT_EQ(c.origin("train.epochs"), "--set");
  EXPECT_EQ(c.integer("train.batch"), 16);
  EXPECT_EQ(c.origin("train.batch"), "r.toml:3");
  EXPECT_HAS(c.to_table(), "train.batch");
  EXPECT_HAS(c.to_table(), "# r.toml:3");
}

TEST(Config, UnknownKeysNameTheNearestAndTheLine) {
  EXPECT_HAS(
      error_of("[train]\n\nepoch = 3\n"),
      "r.toml:3: unknown key \"train.epoch\"; did you mean \"train.epochs\"?");
  EXPECT_HAS(error_of("epochs = 3\n"), "r.toml:1: unknown key \"epochs\"");
  EXPECT_HAS(
      error_of("[[augmen]]\ntype = \"cutout\"\n"),
      "unknown list \"augmen\"; did you mean "
      "\"augment\"?");
  EXPECT_HAS(error_of("[optimizer.groups]\nlr = 1\n"), "unknown key \"optimizer.groups.lr\"");
}

TEST(Config, ValuesOfAnotherTypeSayWhatWasExpected) {
  EXPECT_HAS(
      error_of("[train]\nepochs = \"many\"\n"),
      "r.toml:2: expected a whole number for \"train.epochs\" (passes over the training data), got "
      "\"many\"");
  EXPECT_HAS(error_of("[train]\nepochs = 2.5\n"), "expected a whole number");
  EXPECT_HAS(error_of("[train]\nclip_norm = true\n"), "expected a number for \"train.clip_norm\"");
  EXPECT_HAS(error_of("[data]\nallow_missing_classes = 1\n"), "expected true or false");
  EXPECT_HAS(error_of("[train]\nepochs = [1, 2]\n"), "r.toml:2: ");
  EXPECT_HAS(error_of("[train]\nepochs = 2020-01-01\n"), "expected text, a number or true/false");
  EXPECT_HAS(
      error_of("[[augment]]\nsize = 3\n"), "expected a table with a \"type\" in [[augment]]");
}

TEST(Config, ValuesAreUtf8) {
  Config c = recipe_config();
  EXPECT_EQ(
      message_of([&] { c.set("data.source", "caf\xe9", "--data"); }),
      "--data: expected text in UTF-8 for \"data.source\", as recipes have it, got \"caf\u00e9\" "
      "in Latin-1; rename the file, or give a link to it");
  EXPECT_THROW(c.set("optimizer.name", "\xe9", "--set"), std::invalid_argument);
}

TEST(Config, ValuesInBracketsAreTheTextWithCommas) {
  Config c = recipe_config();
  c.read_toml_text(
      "[model]\nwidths = [32, 64]\n[train]\nclass_weights = [1, 14.5]\n[[augment]]\n"
      "type = \"cutout\"\nshare = [1, 2]\n",
      "r.toml");
  EXPECT_EQ(c.text("model.widths"), "32,64");
  EXPECT_EQ(c.list("augment")[0].options.at("share"), "1,2");
  EXPECT_EQ(c.text("train.class_weights"), "1,14.5");
  EXPECT_EQ(c.list("augment").size(), 1u);
  EXPECT_HAS(error_of("[train]\nepochs = [1, 2]\n"), "r.toml:2: expected a whole number");
  EXPECT_HAS(error_of("augment = [1, 2]\n"), "\"augment\" is a list of tables");
}

TEST(Config, TomlMistakesNameTheLine) {
  EXPECT_HAS(error_of("[train]\nepochs = \n"), "r.toml:2: ");
  EXPECT_HAS(error_of("[train\nepochs = 3\n"), "r.toml:1: ");
  EXPECT_HAS(
      message_of([] { recipe_config().read_toml("/none/r.toml"); }),
      "/none/r.toml: cannot be opened; is the path right?");
  EXPECT_HAS(
      message_of([] { recipe_config().set_expression("train.epochs", "--set"); }),
      "--set: expected key=value, got \"train.epochs\"");
}

TEST(Config, ListsComeFromRecipeFilesOnly) {
  EXPECT_HAS(
      message_of([] { recipe_config().set_expression("model.layers=3", "--set"); }),
      "--set: \"model.layers\" is a list of tables, which only a recipe file can give");
}

TEST(Config, AnOptionInAListHasAKeyByPlaceOrType) {
  Config c = recipe_config();
  c.read_toml_text(
      "[[model.layers]]\ntype = \"conv\"\nout = 8\n[[model.layers]]\ntype = \"dropout\"\n"
      "[[model.layers]]\ntype = \"conv\"\nout = 4\n[[augment]]\ntype = \"horizontal_flip\"\n",
      "r.toml");
  c.set_expression("model.layers.2.out=16", "--set");
  c.set_expression("model.layers.dropout.rate=0.25", "--set");
  c.set_expression("augment.0.p=0.1", "--set");
  EXPECT_EQ(c.list("model.layers")[2].options.at("out"), "16");
  EXPECT_EQ(c.list("model.layers")[0].options.at("out"), "8");
  EXPECT_EQ(c.list("model.layers")[1].options.at("rate"), "0.25");
  EXPECT_EQ(c.origin("model.layers"), "r.toml:1, --set");
  EXPECT_EQ(image::parameters_of(Recipe(c).augment.steps()[0]).at("p"), 0.1);
  Config back = recipe_config();
  back.read_toml_text(c.to_toml(), "resolved");
  EXPECT_EQ(back.list("model.layers"), c.list("model.layers"));
  EXPECT_EQ(c.plain_key("model.layers.dropout.rate", "test"), "model.layers.1.rate");
  EXPECT_EQ(c.plain_key("train.batch", "test"), "train.batch");
  EXPECT_TRUE(c.holds_whole_numbers("model.layers.0.out"));
  EXPECT_FALSE(c.holds_whole_numbers("model.layers.1.rate"));
  EXPECT_TRUE(c.holds_whole_numbers("train.batch"));

  const std::pair<const char*, const char*> mistakes[] = {
      {"model.layers.3.out=1",
       "--set: \"model.layers.3.out\": expected a place from 0 to 2 (0 conv, 1 dropout, 2 conv), "
       "got 3"},
      {"model.layers.99999999999999999999.out=1", "expected a place from 0 to 2"},
      {"model.layers.-1.out=1", "there is no -1, the list has 0 conv, 1 dropout, 2 conv"},
      {"model.layers.conv.out=1", "conv stands there more than once, give its place: 0 conv"},
      {"model.layers.tree.depth=1", "there is no tree, the list has 0 conv"},
      {"model.layers.1.p=1",
       "unknown option \"p\" of dropout, which takes rate, channels, inverted"},
      {"model.layers.0.ou=1", "did you mean \"out\"?"},
      {"model.layers.1.type=conv", "unknown option \"type\" of dropout"},
      {"model.layers.1=3", "expected model.layers.PLACE.OPTION, the place from 0 or a type"},
      {"augment.0.p.q=3", "unknown option \"p.q\" of horizontal_flip, which takes p"},
  };
  for (const auto& [words, message] : mistakes)
    EXPECT_HAS(message_of([&, w = words] { c.set_expression(w, "--set"); }), message);
  EXPECT_HAS(
      message_of([] { recipe_config().set_expression("augment.0.p=1", "--set"); }),
      "--set: \"augment.0.p\": the recipe has no [[augment]] to change");
}

TEST(Config, OpenTablesTakeAnyKeyForTheirReader) {
  Config c = recipe_config();
  c.read_toml_text("[optimizer]\nname = \"sgd\"\nlr = 1e-2\nnesterov = true\n", "r.toml");
  EXPECT_EQ(
      c.under("optimizer."),
      (std::map<std::string, std::string>{{"name", "sgd"}, {"lr", "0.01"}, {"nesterov", "true"}}));
}

TEST(Config, TheTableOfASearchIsReadAndForgotten) {
  Config c = recipe_config();
  c.read_toml_text("[search]\noptimizer.lr = \"log:1e-5:1\"\ntrain.batch = [16, 32]\n", "r.toml");
  EXPECT_EQ(
      c.under("search."),
      (std::map<std::string, std::string>{
          {"optimizer.lr", "log:1e-5:1"}, {"train.batch", "16,32"}}));
  Recipe{c};  // which does without
  c.forget("search.");
  EXPECT_TRUE(c.under("search.").empty());
  c.forget("train.");  // known keys stay
  EXPECT_EQ(c.integer("train.batch"), 128);
}

TEST(Recipe, FoldsAreCounted) {
  auto error = [](const char* folds, const char* fold) {
    return message_of([&] {
      Config c = recipe_config();
      c.set("data.folds", folds, "test");
      c.set("data.fold", fold, "test");
      Recipe r(c);
    });
  };
  EXPECT_HAS(error("1", "1"), "test: expected data.folds of 0 (none) or at least 2, got 1");
  EXPECT_HAS(error("3", "4"), "test: expected data.fold of at most data.folds = 3, got 4");
}

// Everything a recipe can hold, written out resolved and read again, is the same to the letter.
TEST(Config, ToTomlReadsBackTheSame) {
  Config c = recipe_config();
  c.read_toml_text(
      R"([run]
name = "a \"b\" \\ c"
seed = 18446744
[data]
source = "tab\there, line\nbreak, ünïcode"
[train]
clip_norm = 0.1
label_smoothing = 1e-7
[optimizer]
name = "sgd"
lr = 0.30000000000000004
nesterov = true
[schedule]
name = "cosine"
[[model.layers]]
type = "conv"
out = 8
act = "relu"
[[model.layers]]
type = "global_pool"
[[augment]]
type = "random_crop"
padding = 4
[[augment]]
type = "horizontal_flip"
)",
      "r.toml");
  Config back = recipe_config();
  back.read_toml_text(c.to_toml(), "resolved");
  EXPECT_EQ(back.to_toml(), c.to_toml());
  for (const KeyInfo& k : recipe_keys())
    EXPECT_EQ(back.text(std::string(k.key)), c.text(std::string(k.key))) << k.key;
  EXPECT_EQ(back.under("optimizer."), c.under("optimizer."));
  EXPECT_EQ(back.list("model.layers"), c.list("model.layers"));
  EXPECT_EQ(back.list("augment"), c.list("augment"));
  EXPECT_EQ(back.list("augment")[0].type, "random_crop");  // in order
}

// Also when it is read again as a run folder keeps it, with every setting written out.
TEST(Recipe, APatternStandsInPlaceOfAName) {
  Config c = recipe_config();
  c.read_toml_text(
      "[model]\npattern = \"[(conv-relu)-pool]*2-(fc-relu)\"\nwidths = \"8,16\"\n"
      "fc_widths = \"20\"\nnorm = \"batch\"\n",
      "r.toml");
  Config back = recipe_config();
  back.read_toml_text(c.to_toml(), "resolved");
  for (const Config& config : {c, back}) {
    Recipe r(config);
    EXPECT_EQ(r.model, "layers");
    EXPECT_EQ(r.pattern_options.widths, (std::vector<int>{8, 16}));
    EXPECT_EQ(r.pattern_options.fc_widths, (std::vector<int>{20}));
    EXPECT_EQ(r.pattern_options.norm, "batch");
  }
  c.set("model.name", "lenet5", "--set");
  EXPECT_HAS(
      message_of([&] { Recipe{c}; }),
      "expected one of model.name, model.pattern and [[model.layers]], got a name and a pattern");
  c.set("model.name", "layers", "--set");
  c.set_list("model.layers", {{"flatten", {}}}, "r.toml:9");
  EXPECT_HAS(message_of([&] { Recipe{c}; }), "got a pattern and layers");
}

TEST(Recipe, LayersStayLayersWhenTheRecipeIsReadAgain) {
  Config c = recipe_config();
  c.set_list("model.layers", {{"flatten", {}}}, "r.toml:1");
  Config back = recipe_config();
  back.read_toml_text(c.to_toml(), "resolved");
  EXPECT_EQ(Recipe(back).model, "layers");
}

TEST(Recipe, WhatComesBeforeAFittedLayerDoesNotLearn) {
  auto read = [](const std::vector<Item>& layers, const std::string& freeze = "") {
    Config c = recipe_config();
    c.set_list("model.layers", layers, "r.toml:7");
    c.set("model.freeze", freeze, "test");
    Recipe r(c);
  };
  const std::vector<Item> moving{
      {"conv", {{"out", "4"}}}, {"flatten", {}}, {"tree", {{"out", "2"}}}};
  EXPECT_EQ(
      message_of([&] { read(moving); }),
      "r.toml:7: layer 2 (tree) is fitted once, before the first step, to what layer 0 (conv) "
      "gives, which would then learn on and give something else: move it behind layer 2, or keep "
      "it as it begins with model.freeze = \"0\" (and weights of model.init)");
  EXPECT_NO_THROW(read(moving, "0"));
  EXPECT_HAS(message_of([&] { read(moving, "1"); }), "layer 0 (conv)");
  const Item rbf{"rbf", {{"units", "4"}}}, flatten{"flatten", {}}, tree{"tree", {{"out", "2"}}};
  EXPECT_NO_THROW(read({flatten, rbf, {"norm", {}}, {"linear", {{"out", "2"}}}}));
  EXPECT_NO_THROW(read({flatten, {"project", {{"dims", "4"}}}, rbf, tree}));
  const Item learning{"rbf", {{"units", "4"}, {"train", "true"}}};
  EXPECT_HAS(message_of([&] { read({flatten, learning, tree}); }), "to what layer 1 (rbf) gives");
}

TEST(Recipe, KnowsWhetherItHasEpochs) {
  Config c = recipe_config();
  for (const auto& [model, steps] :
       {std::pair{"convnet", true},
        {"knn", false},
        {"tree", false},
        {"rbf", true},
        {"svm", true}}) {
    c.set("model.name", model, "test");
    EXPECT_EQ(Recipe(c).learns_by_steps(), steps) << model;
  }
  c = recipe_config();
  c.set_list("model.layers", {{"flatten", {}}, {"knn", {{"out", "2"}}}}, "test");
  EXPECT_FALSE(Recipe(c).learns_by_steps());
}

TEST(Recipe, NamesTheRunAfterModelAndData) {
  Config c = recipe_config();
  c.set("data.source", "/some/where/photos.zip", "test");
  c.set("model.name", "lenet5", "test");
  EXPECT_EQ(Recipe(c).name, "lenet5-photos");
  c.set("run.name", "mine", "test");
  EXPECT_EQ(Recipe(c).name, "mine");
}

TEST(Recipe, OptionsOfAnotherMethodAreNamedWithWhereTheyCameFrom) {
  Config c = recipe_config();
  c.set("optimizer.name", "sgd", "--set");
  c.set("optimizer.momentom", "0.9", "environment X");
  EXPECT_HAS(
      message_of([&] { Recipe{c}; }),
      "environment X: unknown key \"optimizer.momentom\", sgd takes lr, momentum, dampening, "
      "nesterov, weight_decay, groups; did you mean \"optimizer.momentum\"?");
  c = recipe_config();
  c.set("schedule.every", "3", "r.toml:9");
  EXPECT_HAS(
      message_of([&] { Recipe{c}; }), "r.toml:9: unknown key \"schedule.every\", one_cycle takes");
}

// A folder given with a slash at its end, as shells complete it, has a name too.
TEST(Recipe, ASlashAtTheEndOfTheDataDoesNotHideItsName) {
  Config c = recipe_config();
  c.set("data.source", "photos/", "test");
  EXPECT_EQ(Recipe(c).name, "convnet-photos");
}

TEST(Recipe, RefusesValuesOutOfRangeWithTheirOrigin) {
  auto error = [](const std::string& setting) {
    return message_of([&] {
      Config c = recipe_config();
      c.set_expression(setting, "--set");
      Recipe r(c);
    });
  };
  EXPECT_HAS(error("train.epochs=0"), "--set: expected train.epochs of at least 1, got 0");
  EXPECT_HAS(error("data.val=1.5"), "--set: expected data.val from 0 to 0.9, got 1.5");
  EXPECT_HAS(error("train.clip_norm=nan"), "expected train.clip_norm from 0");
  EXPECT_HAS(error("data.resize=crop"), "to be one of auto, none, stretch, short_side");
  EXPECT_HAS(error("data.channels=2"), "expected data.channels of 0, 1 or 3, got 2");
  EXPECT_HAS(error("model.name=layers"), "the recipe has no [[model.layers]]");
  EXPECT_HAS(
      error("model.pattern=[(conv-relu)*9]"),
      "--set: [pattern] expected a number from 1 to 5 at character 14");
  EXPECT_HAS(
      error("model.widths=32"), "--set: model.widths belongs to model.pattern, which is not set");
  EXPECT_HAS(
      error("model.fc_widths=32,x"),
      "--set: expected model.fc_widths as numbers with commas between, got \"32,x\"");
  EXPECT_HAS(error("model.widths=32,"), "as numbers with commas between, got \"32,\"");
  auto augment = [](Item item) {
    return message_of([&] {
      Config c = recipe_config();
      c.set_list("augment", {item}, "r.toml:1");
      Recipe r(c);
    });
  };
  EXPECT_HAS(augment({"horizontal_flipp", {}}), "horizontal_flip");
  EXPECT_HAS(
      augment({"random_crop", {{"size", "big"}}}), "random_crop: expected a number for \"size\"");
}

}  // namespace
}  // namespace fovea::train
