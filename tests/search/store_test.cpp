#include "fovea/search/store.h"

#include <cmath>

#include <gtest/gtest.h>

#include "fovea/core/errors.h"
#include "tests/support/check_op.h"
#include "tests/support/expect.h"
#include "tests/support/folder.h"

namespace fovea::search {
namespace {

class StoreTest : public test::FolderTest {
 protected:
  const Settings settings_{{"optimizer.lr", "0.1"}, {"--stages", "2"}};
  std::string file() const { return path("search.sqlite"); }

  // Overwrites a number of the file's header (big endian, 4 bytes).
  void patch(size_t offset, char last_byte) const {
    std::string bytes = read("search.sqlite");
    ASSERT_GT(bytes.size(), 100u);
    bytes[offset + 3] = last_byte;
    write("search.sqlite", bytes);
  }
};

TEST_F(StoreTest, GivesBackWhatItWasGiven) {
  Stage stage{
      .number = 0,
      .epochs = 9,
      .space = {
          {.key = "optimizer.lr", .scale = Scale::log, .low = 1e-4, .high = 1},
          {.key = "train.batch", .scale = Scale::choice, .choices = {"16", "32"}}}};
  Trial t{.number = 1, .values = {{"optimizer.lr", "0.01"}, {"train.batch", "16"}}, .seconds = 1.5};
  {
    Store store(file(), settings_);
    store.put(stage);
    stage.done = true;
    stage.notes = {"it's \"at\" an edge"};
    store.put(stage);
    store.add({{t}});
    t.state = State::failed;
    t.reason = "NaN";
    store.update(t);
    t.epochs = {{1, 2.5, 0.1, NAN, 0.2}, {2, 1.5, 0.4, 1.25, 0.5}};
    store.put_epochs(1, t.epochs);
    store.put_epochs(1, {{t.epochs[1]}});  // again, after a kill
    store.set_seconds(12.5);
  }
  Store store(file(), settings_);
  EXPECT_EQ(store.seconds(), 12.5);
  const auto stages = store.stages();
  ASSERT_EQ(stages.size(), 1u);
  EXPECT_EQ(stages[0].space, stage.space);
  EXPECT_EQ(stages[0].epochs, 9);
  EXPECT_TRUE(stages[0].done);
  EXPECT_EQ(stages[0].notes, stage.notes);
  const auto trials = store.trials();
  ASSERT_EQ(trials.size(), 1u);
  EXPECT_EQ(trials[0].values, t.values);
  EXPECT_EQ(trials[0].state, State::failed);
  EXPECT_EQ(trials[0].reason, "NaN");
  EXPECT_EQ(trials[0].seconds, 1.5);
  ASSERT_EQ(trials[0].epochs.size(), 2u);
  EXPECT_TRUE(std::isnan(trials[0].epochs[0].val_loss));
  EXPECT_EQ(trials[0].epochs[1], t.epochs[1]);
}

TEST_F(StoreTest, AnotherSearchIsRefusedByTheFirstDifference) {
  { Store store(file(), settings_); }
  EXPECT_HAS(
      test::message_of([&] {
        Store store(file(), {{"optimizer.lr", "0.2"}, {"--stages", "2"}});
      }),
      "holds another search: optimizer.lr is \"0.1\" there and \"0.2\" here");
  EXPECT_HAS(
      test::message_of([&] {
        Store store(file(), {{"--stages", "2"}});
      }),
      "and not set here");
}

TEST_F(StoreTest, OtherFilesAndVersionsAreRefused) {
  auto error = [&](const std::string& name) {
    try {
      Store store(path(name), settings_);
    } catch (const IoError& e) {
      return std::string(e.what());
    }
    return std::string("none");
  };
  write("junk", std::string(4096, 'x'));
  EXPECT_HAS(error("junk"), "not a search: expected an SQLite file");
  EXPECT_HAS(error("no/such/folder"), "SQLite: unable to open database file");
  { Store store(file(), settings_); }
  patch(60, 7);  // user_version
  EXPECT_HAS(error("search.sqlite"), "expected tables of version 1, got 7");
  patch(68, 7);  // application_id
  EXPECT_HAS(error("search.sqlite"), "an SQLite file of something else");
}

TEST_F(StoreTest, OneProcessAtATime) {
  Store first(file(), settings_);
  try {
    Store second(file(), settings_);
    FAIL();
  } catch (const IoError& e) {
    EXPECT_HAS(e.what(), "another fovea works on this search");
  }
}

}  // namespace
}  // namespace fovea::search
