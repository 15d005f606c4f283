#include "fovea/optim/factory.h"

#include <gtest/gtest.h>

#include "tests/support/check_op.h"

namespace fovea::optim {

namespace {

using test::message_of;

std::string optimizer_error(const Settings& s) {
  return message_of([&] { make_optimizer(s); });
}
std::string schedule_error(const Settings& s) {
  return message_of([&] { make_schedule(s, {}); });
}

TEST(Factory, MakesEachByName) {
  for (const MethodInfo& m : optimizer_table()) {
    auto optimizer = make_optimizer({{"name", m.name}, {"lr", "0.25"}});
    EXPECT_EQ(optimizer->name(), m.name);
    EXPECT_EQ(optimizer->lr(), 0.25);
  }
  for (const MethodInfo& m : schedule_table()) {
    Settings s{{"name", m.name}};
    if (m.name == "multistep") s["epochs"] = "3, 5";
    EXPECT_LE(make_schedule(s, {.lr = 0.5, .total_steps = 10})->lr(0), 0.5) << m.name;
  }
}

TEST(Factory, DefaultsInTheTableAreTheDefaults) {
  for (const MethodInfo& m : optimizer_table()) {
    Settings s{{"name", m.name}};
    for (const OptionInfo& o : m.options)
      if (!o.fallback.empty()) s[o.name] = o.fallback;
    EXPECT_EQ(make_optimizer(s)->lr(), make_optimizer({{"name", m.name}})->lr()) << m.name;
  }
}

TEST(Factory, WarmupIsInEpochs) {
  ScheduleContext c{.lr = 1, .total_steps = 100, .steps_per_epoch = 10};
  auto schedule = make_schedule({{"name", "constant"}, {"warmup", "1.5"}, {"warmup_from", "0"}}, c);
  EXPECT_EQ(schedule->lr(0), 0);
  EXPECT_DOUBLE_EQ(schedule->lr(3), 0.2);
  EXPECT_EQ(schedule->lr(15), 1);
}

TEST(Factory, NamesTheNearest) {
  EXPECT_EQ(
      optimizer_error({{"name", "adamm"}}),
      "[optimizer] expected a name out of sgd, adagrad, rmsprop, adadelta, adam, adamw, got "
      "\"adamm\"; did you mean \"adam\"?");
  EXPECT_EQ(
      optimizer_error({{"name", "sgd"}, {"momentun", "0.9"}}),
      "[sgd] expected an option out of lr, momentum, dampening, nesterov, weight_decay, groups, "
      "got \"momentun\"; did you mean \"momentum\"?");
  EXPECT_EQ(
      schedule_error({{"name", "cosin"}}),
      "[schedule] expected a name out of constant, step, multistep, exponential, inverse, cosine, "
      "one_cycle, plateau, got \"cosin\"; did you mean \"cosine\"?");
  EXPECT_EQ(
      schedule_error({{"name", "cosine"}, {"min", "0"}}),
      "[cosine] expected an option out of min_lr, cycles, warmup, warmup_from, got \"min\"; did "
      "you mean "
      "\"min_lr\"?");
}

TEST(Factory, RefusesValuesOfAnotherType) {
  EXPECT_EQ(
      optimizer_error({{"name", "sgd"}, {"lr", "fast"}}),
      "[sgd] expected lr to be a number, got \"fast\"");
  EXPECT_EQ(
      optimizer_error({{"name", "sgd"}, {"nesterov", "yes"}}),
      "[sgd] expected nesterov to be true or false, got \"yes\"");
  EXPECT_EQ(
      optimizer_error({{"name", "sgd"}, {"momentum", "1.5"}}),
      "[sgd] expected a momentum in [0, 1), got 1.5");
  EXPECT_EQ(
      schedule_error({{"name", "step"}, {"every", "1.5"}}),
      "[step] expected every to be a whole number, got \"1.5\"");
  EXPECT_EQ(
      schedule_error({{"name", "multistep"}, {"epochs", "30, x"}}),
      "[multistep] expected epochs to be whole numbers, as in \"30, 60\", got \"30, x\"");
}

TEST(Factory, HelpNamesEveryOption) {
  std::string text = optimizer_help() + schedule_help();
  for (const char* word : {"sgd", "nesterov", "Kingma", "one_cycle", "start_div", "warmup_from"})
    EXPECT_NE(text.find(word), std::string::npos) << word;
}

TEST(Group, ReadsRecipes) {
  auto groups = parse_groups(" fc.* lr_scale=10 ;*.bias weight_decay=0 lr_scale=0.5; ");
  ASSERT_EQ(groups.size(), 2u);
  EXPECT_EQ(groups[0].pattern, "fc.*");
  EXPECT_EQ(groups[0].lr_scale, 10);
  EXPECT_FALSE(groups[0].weight_decay.has_value());
  EXPECT_EQ(groups[1].pattern, "*.bias");
  EXPECT_EQ(groups[1].lr_scale, 0.5);
  EXPECT_EQ(groups[1].weight_decay, 0);
  EXPECT_TRUE(parse_groups("").empty());
}

TEST(Group, RefusesWhatItCannotRead) {
  auto message = [](const char* text) { return message_of([&] { parse_groups(text); }); };
  EXPECT_EQ(
      message("*.bias lr=2"),
      "[groups] expected \"PATTERN lr_scale=NUMBER weight_decay=NUMBER; ...\", got \"lr=2\" in "
      "\"*.bias lr=2\"");
  EXPECT_EQ(
      message("*.bias"),
      "[groups] expected a pattern and what is special about it, as in \"*.bias weight_decay=0\", "
      "got \"*.bias\"");
}

TEST(Group, Globs) {
  EXPECT_TRUE(glob_match("*", ""));
  EXPECT_TRUE(glob_match("*.bias", "layer1.0.bias"));
  EXPECT_TRUE(glob_match("layer?.*.weight", "layer1.0.conv1.weight"));
  EXPECT_TRUE(glob_match("a*b*c", "aXbYbZc"));
  EXPECT_FALSE(glob_match("*.bias", "layer1.bias2"));
  EXPECT_FALSE(glob_match("layer?.x", "layer.x"));
  EXPECT_FALSE(glob_match("", "a"));
}

}  // namespace

}  // namespace fovea::optim
