#include "fovea/data/summary.h"

#include "tests/data/files.h"

namespace fovea::data {
namespace {

class SummaryTest : public FolderTest {
 protected:
  void SetUp() override {
    FolderTest::SetUp();
    write_ppm("train/a/0.ppm", 255, 0, 0, 2, 4);
    write_ppm("train/a/1.ppm", 255, 255, 0, 4, 4);
    write_ppm("train/b/0.ppm", 0, 0, 51, 6, 8);
    write("train/b/1.ppm", "garbage");
    write("val/a/0.pgm", "P5\n2 2\n255\nabcd");
    write("val/b/0.pgm", "P5\n2 2\n255\nabcd");
  }
};

TEST_F(SummaryTest, CountsSizesAndColours) {
  for (int threads : {1, 3}) {
    auto summary = summarise(open(path()), threads);
    EXPECT_EQ(summary.classes, (std::vector<std::string>{"a", "b"}));
    ASSERT_EQ(summary.splits.size(), 2u);
    const auto& train = summary.splits[0];
    EXPECT_EQ(train.split, "train");
    EXPECT_EQ(train.size, 4);
    EXPECT_EQ(train.counts, (std::vector<int64_t>{2, 2}));
    EXPECT_EQ(train.height.min, 2);
    EXPECT_EQ(train.height.median, 4);
    EXPECT_EQ(train.height.max, 6);
    EXPECT_EQ(train.width.max, 8);
    EXPECT_EQ(train.channels, 3);
    EXPECT_EQ(train.stats.images, 3);
    EXPECT_EQ(train.stats.pixels, 8 + 16 + 48);
    EXPECT_NEAR(train.stats.mean[0], 24.0 / 72, 1e-12);
    EXPECT_NEAR(train.stats.mean[1], 16.0 / 72, 1e-12);
    EXPECT_NEAR(train.stats.mean[2], 0.2 * 48 / 72, 1e-12);
    ASSERT_EQ(train.corrupt.size(), 1u);
    EXPECT_EQ(train.corrupt.begin()->first, path("train/b/1.ppm"));
    EXPECT_EQ(summary.splits[1].channels, 1);
    EXPECT_EQ(summary.splits[1].stats.mean.size(), 1u);
  }
}

TEST_F(SummaryTest, JsonHasTheSame) {
  auto json = summarise(open(path())).to_json();
  EXPECT_HAS(json, R"("split": "train")");
  EXPECT_HAS(json, R"("median": 4)");
  EXPECT_HAS(json, "train/b/1.ppm");
}

TEST_F(SummaryTest, ContactSheetHasARowPerClass) {
  auto source = open(path());
  image::SheetOptions options{.cell = 16, .gap = 2};
  auto sheet = contact_sheet(*source.train, 2, 20, options);
  EXPECT_EQ(sheet.channels, 3);
  EXPECT_GE(sheet.width, 2 * 16);
  EXPECT_GE(sheet.height, 2 * 16);
  EXPECT_LT(contact_sheet(*source.train, 2, 1, options).height, sheet.height);
  EXPECT_HAS(
      message_of<std::invalid_argument>([&] { contact_sheet(*source.train, 0); }),
      "at least 1 picture of 1 class, got 0 of 20");
}

}  // namespace
}  // namespace fovea::data
