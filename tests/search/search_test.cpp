#include "fovea/search/search.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <optional>
#include <set>

#include "fovea/search/record.h"
#include "fovea/search/results.h"
#include "fovea/search/search_report.h"
#include "fovea/train/recipe.h"
#include "fovea/train/trainer.h"
#include "tests/report/check_markup.h"
#include "tests/search/tiny_recipe.h"
#include "tests/support/check_op.h"
#include "tests/support/expect.h"
#include "tests/support/folder.h"

namespace fovea::search {
namespace {

class SearchTest : public test::FolderTest {
 protected:
  SearchOptions options(const std::string& name = "search") const {
    const train::Config c = tiny_recipe();
    return {
        .space =
            {parse_dimension(c, "optimizer.lr", "log:1e-4:1e-1", "test"),
             parse_dimension(c, "train.batch", "20,30", "test")},
        .trials = 8,
        .folder = path(name)};
  }
};

// All that must be equal between two searches of one seed.
std::string story_of(const SearchResult& r) {
  std::string text;
  for (const Trial& t : r.trials) {
    text += std::to_string(t.number) + " " + std::string(name_of(t.state)) + " " +
            text_of(t.values) + ":";
    for (const TrialEpoch& e : t.epochs)
      text += " " + std::to_string(e.val_loss) + "/" + std::to_string(e.train_loss);
    text += "\n";
  }
  return text;
}

TEST_F(SearchTest, GoesFromCoarseToFineAndWritesARecipeThatTrainsToTheSame) {
  const SearchResult r = search(tiny_recipe(), options());
  ASSERT_EQ(r.stages.size(), 2u);
  EXPECT_EQ(r.stages[0].epochs, 1);
  EXPECT_EQ(r.stages[1].epochs, 3);
  EXPECT_TRUE(r.stages[0].done);
  EXPECT_NE(r.stages[0].space, r.stages[1].space);
  ASSERT_EQ(r.trials.size(), 8u);
  EXPECT_EQ(std::ranges::count(r.trials, 0, &Trial::stage), 4);
  std::set<std::string> rates;
  for (const Trial& t : r.trials) {
    rates.insert(t.values.at("optimizer.lr"));
    EXPECT_FALSE(t.active());
    EXPECT_EQ(std::ssize(t.epochs) < r.stages[size_t(t.stage)].epochs, t.state == State::stopped);
  }
  EXPECT_EQ(rates.size(), 8u);
  EXPECT_EQ(std::ranges::count(r.trials, State::stopped, &Trial::state), 2);  // of a bracket of 3

  ASSERT_TRUE(r.best);
  const Trial& best = r.trials[*r.best];
  train::Config again = train::recipe_config();
  again.read_toml(path("search/best.toml"));
  EXPECT_EQ(again.text("optimizer.lr"), best.values.at("optimizer.lr"));
  again.set("run.folder", path("again"), "test");
  const train::TrainResult trained = train::train(again);
  double val = 0;
  for (const train::Metrics& m : train::read_metrics(trained.folder + "/metrics.jsonl"))
    if (m.event == "epoch" && m.epoch == std::ssize(best.epochs)) val = m.values.at("val_loss");
  ASSERT_EQ(best.stage, 1);
  EXPECT_EQ(val, best.epochs.back().val_loss);

  const std::string page = read("search/report.html");
  for (const char* part : {"Values of each trial", "Key by key", "The best recipe", "optimizer.lr"})
    EXPECT_HAS(page, part);
  // Nothing judged a trial on the test split.
  EXPECT_EQ(read("search/trials/0001/metrics.jsonl").find("test"), std::string::npos);
  int kept = 0;
  for (int i = 1; i <= 8; ++i)
    kept += std::filesystem::exists(
        path("search/trials/000" + std::to_string(i) + "/model.safetensors"));
  EXPECT_EQ(kept, 1);
}

TEST_F(SearchTest, AStopAnywhereChangesNothing) {
  const std::string straight = story_of(search(tiny_recipe(), options("straight")));
  int64_t steps = 0;
  SearchOptions o = options("stopped");
  o.stop = [&] { return ++steps % 17 == 0; };
  SearchResult r = search(tiny_recipe(), o);
  int sessions = 1;
  for (; r.interrupted; ++sessions) {
    ASSERT_LT(sessions, 40);
    r = search(tiny_recipe(), o);
  }
  EXPECT_GT(sessions, 3);
  EXPECT_EQ(story_of(r), straight);
  // Once more: nothing is left to do.
  o.stop = {};
  EXPECT_EQ(story_of(search(tiny_recipe(), o)), straight);
  o.trials = 10;  // and a larger budget goes on in the last stage
  EXPECT_EQ(search(tiny_recipe(), o).trials.size(), 10u);
}

TEST_F(SearchTest, JobsShareTheThreadsAndFindTheSame) {
  const std::string straight = story_of(search(tiny_recipe(), options("one")));
  SearchOptions o = options("two");
  o.jobs = 3;
  EXPECT_EQ(story_of(search(tiny_recipe(), o)), straight);
}

// The rate of a dropout layer, and after a stop the stages are read without the recipe.
TEST_F(SearchTest, AnOptionOfALayerCanVaryAndBestTomlHasIt) {
  train::Config c = tiny_recipe();
  c.set("model.name", "layers", "test");
  c.set_list(
      "model.layers",
      {{"flatten", {}}, {"dropout", {{"rate", "0.5"}}}, {"linear", {{"out", "10"}}}},
      "test");
  SearchOptions o = options();
  o.space = {parse_dimension(c, "model.layers.dropout.rate", "uniform:0.1:0.9", "test")};
  int64_t steps = 0;
  o.stop = [&] { return ++steps == 40; };
  EXPECT_TRUE(search(c, o).interrupted);
  o.stop = {};
  const SearchResult r = search(c, o);
  ASSERT_TRUE(r.best);
  const std::string rate = r.trials[*r.best].values.at("model.layers.1.rate");
  train::Config best = train::recipe_config();
  best.read_toml(path("search/best.toml"));
  EXPECT_EQ(best.list("model.layers")[1].options.at("rate"), rate);
  std::set<std::string> rates;
  for (const Trial& t : r.trials) {
    char folder[32];
    std::snprintf(folder, sizeof folder, "search/trials/%04d", int(t.number));
    train::Config own = train::recipe_config();
    own.read_toml(path(std::string(folder) + "/recipe.toml"));
    const std::string& value = own.list("model.layers")[1].options.at("rate");
    EXPECT_EQ(value, t.values.at("model.layers.1.rate"));
    rates.insert(value);
  }
  EXPECT_EQ(rates.size(), r.trials.size());
}

TEST_F(SearchTest, WhatIsFittedAtOnceHasNoEpochs) {
  train::Config c = tiny_recipe();
  c.set("model.name", "knn", "test");
  SearchOptions o = options();
  o.space = {parse_dimension(c, "knn.k", "1,3,40", "test")};
  o.sampling = Sampling::grid;
  o.stages = 1;
  const SearchResult r = search(c, o);
  ASSERT_EQ(r.trials.size(), 3u);
  EXPECT_EQ(r.stages[0].epochs, 0);
  for (const Trial& t : r.trials) {
    EXPECT_EQ(t.state, State::done);
    EXPECT_EQ(length_of(t), "fitted at once");
  }
  EXPECT_HAS(read("search/best.toml"), ", fitted at once.");
  EXPECT_EQ(length_of({.epochs = {{.epoch = 1, .train_loss = 2}}}), "1 epoch");
  // With a network among the choices there are epochs to divide.
  SearchOptions mixed = options("mixed");
  mixed.space = {parse_dimension(c, "model.name", "knn,linear", "test")};
  mixed.sampling = Sampling::grid;
  mixed.stages = 1;
  EXPECT_EQ(search(c, mixed).stages[0].epochs, 3);
}

TEST_F(SearchTest, TrialsThatGoOnHaveTheThreadsOfTheirSession) {
  train::Config four = tiny_recipe();
  four.set("run.threads", "4", "test");
  auto threads_of = [&](const std::string& trial) {
    train::Config c = train::recipe_config();
    c.read_toml(trial + "/recipe.toml");
    return c.text("run.threads");
  };
  SearchOptions o = options();
  o.stages = 1;
  o.trials = 2;
  o.jobs = 2;
  o.stopping = Stopping::none;
  int64_t steps = 0;
  o.stop = [&] { return ++steps > 8; };
  ASSERT_TRUE(search(four, o).interrupted);
  std::set<std::string> begun;
  for (const auto& entry : std::filesystem::directory_iterator(path("search/trials"))) {
    begun.insert(entry.path().string());
    EXPECT_EQ(threads_of(entry.path().string()), "2");
  }
  ASSERT_FALSE(begun.empty());
  o.stop = {};
  o.jobs = 1;
  search(four, o);
  for (const std::string& trial : begun) EXPECT_EQ(threads_of(trial), "4");

  // Strict trials would all keep to the same two processors.
  four.set("run.determinism", "strict", "test");
  o.folder = path("strict");
  o.jobs = 2;
  search(four, o);
  EXPECT_EQ(threads_of(path("strict/trials/0001")), "4");
}

// A kill in the middle of a part keeps the epochs and the time they took alike.
TEST_F(SearchTest, EpochsAreWrittenWithTheirTime) {
  {
    Record record(path(), {}, Measure::loss);
    record.add(Stage{});
    record.add(std::vector<Trial>{{.number = 1, .values = {{"train.batch", "20"}}}});
    Trial& t = record.trial(0);
    t.seconds = 6;
    record.take_epochs(t, {{.epoch = 1, .val_loss = 2}, {.epoch = 2, .val_loss = 1}});
  }
  EXPECT_EQ(Record(path(), {}, Measure::loss).seconds_per_epoch(), 3);
}

TEST_F(SearchTest, WeightsOfTheBestThatEndedStayWhileABetterOneGoesOn) {
  SearchResult r{.folder = path(), .measure = Measure::loss};
  auto add = [&](State state, double loss) {
    const auto number = std::ssize(r.trials) + 1;
    r.trials.push_back(
        {.number = number, .state = state, .epochs = {{.epoch = 1, .val_loss = loss}}});
    write("trials/000" + std::to_string(number) + "/model.safetensors", "");
  };
  add(State::done, 3);
  add(State::stopped, 2);
  add(State::running, 1);
  r.best = 2;
  remove_weights(r);
  auto kept = [&](const char* trial) {
    return std::filesystem::exists(path("trials") + "/" + trial + "/model.safetensors");
  };
  EXPECT_FALSE(kept("0001"));
  EXPECT_TRUE(kept("0002"));
  EXPECT_TRUE(kept("0003"));
}

TEST_F(SearchTest, CellsStandUnderTheirKeys) {
  SearchResult r{.folder = path(), .stages = {{.space = options().space}}};
  std::ranges::reverse(r.stages[0].space);  // the map of values has them by name
  r.trials.push_back(
      {.values = {{"optimizer.lr", "0.0123"}, {"train.batch", "20"}},
       .state = State::done,
       .epochs = {{.epoch = 1, .val_top1 = 0.5}}});
  write_search_report(r, path("r.html"), "");
  const std::string page = read("r.html");
  const size_t table = page.find("The best trials");
  EXPECT_EQ(
      page.find("optimizer.lr</th>", table) < page.find("train.batch</th>", table),
      page.find("0.0123</td>", table) < page.find("20</td>", table));
}

TEST_F(SearchTest, FailedTrialsAreRecordedAndNotFatal) {
  SearchOptions o = options();
  o.space = {parse_dimension(tiny_recipe(), "optimizer.lr", "1e-2,1e38,1e-3", "test")};
  o.sampling = Sampling::grid;
  o.stopping = Stopping::none;
  o.stages = 1;
  const SearchResult r = search(tiny_recipe(), o);
  ASSERT_EQ(r.trials.size(), 3u);
  EXPECT_EQ(r.trials[0].state, State::done);
  EXPECT_EQ(r.trials[1].state, State::failed);
  EXPECT_HAS(r.trials[1].reason, "not finite");
  EXPECT_EQ(r.trials[2].state, State::done);
  EXPECT_HAS(read("search/report.html"), "What failed");

  // Reasons that differ in their numbers are one.
  SearchOptions all = options("none");
  all.trials = 20;
  all.space = {parse_dimension(tiny_recipe(), "optimizer.lr", "log:1e37:1e38", "test")};
  EXPECT_HAS(
      test::message_of([&] { search(tiny_recipe(), all); }), "the first 4 trials all failed");
}

TEST_F(SearchTest, DataThatCannotBeReadIsToldBeforeAnythingIsRecorded) {
  train::Config nowhere = tiny_recipe();
  nowhere.set("data.source", path("nowhere"), "test");
  EXPECT_HAS(
      test::message_of([&] { search(nowhere, options()); }), "there is no such file or folder");
  EXPECT_FALSE(std::filesystem::exists(path("search")));
}

TEST_F(SearchTest, OverwritingLeavesNothingOfTheOtherSearch) {
  write("search/best.toml", "of another");
  write("search/report.html", "of another");
  SearchOptions o = options();
  o.overwrite = true;
  o.stop = [] { return true; };
  EXPECT_FALSE(search(tiny_recipe(), o).best);
  EXPECT_FALSE(std::filesystem::exists(path("search/best.toml")));
}

TEST_F(SearchTest, GoingOnPublishesOnlyWhatWasTrained) {
  SearchOptions o = options();
  o.stages = 1;
  o.trials = 2;
  o.stopping = Stopping::none;
  search(tiny_recipe(), o);
  std::filesystem::remove(path("search/report.html"));
  int asked = 0;
  o.stop = [&] {  // each bracket is asked for before it begins
    EXPECT_FALSE(std::filesystem::exists(path("search/report.html"))) << asked;
    ++asked;
    return false;
  };
  search(tiny_recipe(), o);
  EXPECT_GT(asked, 2);
  EXPECT_TRUE(std::filesystem::exists(path("search/report.html")));
}

TEST_F(SearchTest, FewTrialsAreNotZoomedInOn) {
  SearchOptions o = options();
  o.trials = 3;
  const SearchResult r = search(tiny_recipe(), o);
  ASSERT_EQ(r.stages.size(), 2u);
  EXPECT_EQ(r.stages[1].space, r.stages[0].space);
  EXPECT_HAS(r.stages[0].notes.at(0), "2 trials came to a result, too few");
}

TEST_F(SearchTest, KeepsToItsTimeAndGoesOnWithMore) {
  SearchOptions o = options();
  o.trials = 0;
  o.budget = 0.8;
  // Questions after its time, which begins before the first of them: a step, its rung, its bracket,
  // its stage and the next one each ask once before they end.
  int64_t over = 0;
  std::optional<std::chrono::steady_clock::time_point> begin;
  o.stop = [&] {
    const auto now = std::chrono::steady_clock::now();
    if (!begin) begin = now;
    over += now - *begin > std::chrono::duration<double>(o.budget);
    return false;
  };
  SearchResult r = search(tiny_recipe(), o);
  EXPECT_FALSE(r.interrupted);
  EXPECT_LE(over, 5);
  EXPECT_GE(r.trials.size(), 2u);
  EXPECT_EQ(r.stages.size(), 2u);
  const size_t before = r.trials.size();
  o.stop = {};
  o.budget = r.seconds + 60;
  o.trials = int(before) + 1;  // which keep it from taking all of that
  EXPECT_GT(search(tiny_recipe(), o).trials.size(), before);
}

TEST_F(SearchTest, MistakesAreToldBeforeAnythingIsTrained) {
  auto error = [&](const std::function<void(SearchOptions&)>& change) {
    SearchOptions o = options();
    change(o);
    return test::message_of([&] { search(tiny_recipe(), o); });
  };
  EXPECT_HAS(error([](auto& o) { o.space.clear(); }), "nothing to vary: give a table [search]");
  EXPECT_HAS(error([](auto& o) { o.trials = 0; }), "the budget is empty");
  EXPECT_HAS(error([](auto& o) { o.budget = -1; }), "expected a budget of some time or trials");
  EXPECT_HAS(error([](auto& o) { o.jobs = 0; }), "at least one job");
  EXPECT_HAS(error([](auto& o) { o.eta = 1; }), "an eta of at least 2, got 1");
  EXPECT_HAS(error([](auto& o) { o.shrink = 0; }), "shrink by a factor in (0, 1]");
  train::Config blind = tiny_recipe();
  blind.set("data.val", "0", "test");
  EXPECT_HAS(test::message_of([&] { search(blind, options()); }), "give data.val above 0");
  EXPECT_FALSE(std::filesystem::exists(path("search")));

  SearchOptions few = options();
  few.trials = 1;
  few.stages = 1;
  search(tiny_recipe(), few);
  train::Config other = tiny_recipe();
  other.set("train.batch", "40", "test");
  EXPECT_HAS(
      test::message_of([&] { search(other, few); }),
      "train.batch is \"20\" there and \"40\" here; give another --out, or --overwrite it");
  few.overwrite = true;
  EXPECT_EQ(search(other, few).trials.size(), 1u);
}

}  // namespace
}  // namespace fovea::search
