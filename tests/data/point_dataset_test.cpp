#include "fovea/data/point_dataset.h"

#include <cmath>

#include "fovea/data/loader.h"
#include "fovea/data/split.h"
#include "tests/support/check_op.h"
#include "tests/support/expect.h"
#include "tests/support/folder.h"

namespace fovea::data {
namespace {

using test::message_of;

class PointDatasetTest : public test::FolderTest {};

const Points four{
    .at = {{1, 10}, {3, 10}, {1, 30}, {3, 30}}, .labels = {0, 1, 1, 0}, .classes = {"a", "b"}};

TEST_F(PointDatasetTest, ASourceIsAToySetOrAFile) {
  const Source spiral = open("spiral");
  EXPECT_EQ(spiral.train->size(), 300);
  EXPECT_EQ(spiral.test->size(), 300);
  EXPECT_EQ(spiral.classes.size(), 3u);
  EXPECT_NE(points_of(*spiral.train).at, points_of(*spiral.test).at);
  EXPECT_EQ(spiral.train->hash(), open("spiral").train->hash());
  EXPECT_NE(spiral.train->hash(), spiral.test->hash());

  write("p.csv", "0,0.5,b\n1,1,a\n2,2,a\n3,3,b\n");
  const Source file = open(path("p.csv"));
  EXPECT_FALSE(file.test);
  // A validation share has places and labels of its own samples.
  const Source both = with_validation(file, Key(1), {.share = 0.5});
  EXPECT_EQ(both.val->size(), 2);
  for (const DatasetPtr& part : {both.train, both.val}) {
    const Points p = points_of(*part);
    for (size_t i = 0; i < p.at.size(); ++i)
      EXPECT_EQ(p.classes[size_t(p.labels[i])], p.at[i][0] == 1 || p.at[i][0] == 2 ? "a" : "b");
  }
  EXPECT_HAS(file.train->sample_name(0), "(0, 0.5)");
}

TEST_F(PointDatasetTest, SayWhatDoesNotFit) {
  EXPECT_HAS(message_of([] { open("moon"); }), "did you mean \"moons\"?");
  write("p.csv", "0,0,0\n1,1,1\n");
  EXPECT_HAS(
      message_of([&] { open("train=" + path("p.csv") + ",test=digits"); }), "mixes pictures");
  EXPECT_HAS(message_of([] { open("moons").train->image(0); }), "no pictures");
  EXPECT_HAS(message_of([] { points_of(*open("digits").train); }), "has pictures");
  Points odd = four;
  odd.labels.pop_back();
  EXPECT_HAS(message_of([&] { make_point_dataset("p", odd); }), "a label for each of 4 points");
}

TEST(PointPreprocess, BringsEachAxisToMean0AndDeviation1) {
  const Preprocess p = point_preprocess(four);
  EXPECT_EQ(p.mean, (std::vector<double>{2, 20}));
  EXPECT_EQ(p.std, (std::vector<double>{1, 10}));
  EXPECT_EQ(p.normalised({4, 0}), (std::array<float, 2>{2, -2}));
  EXPECT_EQ(point_preprocess(four, false).normalised({4, 0}), (std::array<float, 2>{4, 0}));
  EXPECT_EQ(Preprocess::from_json(p.to_json()), p);
  EXPECT_HAS(message_of([&] { p.geometry(image::Image(1, 1, 3)); }), "takes points of the plane");
  Preprocess wide = p;
  wide.width = 2;
  EXPECT_HAS(message_of([&] { wide.check(); }), "as 1 x 1");
}

TEST(PointLoader, MakesBatchesOfNormalisedPoints) {
  const DatasetPtr d = make_point_dataset("four", four);
  Loader loader(d, {.batch_size = 3, .preprocess = point_preprocess(four)});
  loader.start(0);
  const Batch first = *loader.next(), last = *loader.next();
  EXPECT_EQ(first.images.shape(), (Shape{3, 1, 1, 2}));
  EXPECT_EQ(first.images.to_doubles(), (std::vector<double>{-1, -1, 1, -1, -1, 1}));
  EXPECT_EQ(first.labels.to_doubles(), (std::vector<double>{0, 1, 1}));
  EXPECT_EQ(last.images.to_doubles(), (std::vector<double>{1, 1}));

  EXPECT_HAS(message_of([&] { Loader(d, {}); }), "the model takes pictures");
  EXPECT_HAS(
      message_of([&] { Loader(open("digits").train, {.preprocess = point_preprocess(four)}); }),
      "and these are pictures");
  EXPECT_HAS(
      message_of([&] {
        Loader(
            d,
            {.preprocess = point_preprocess(four),
             .augment = image::Augment({image::make_step("vertical_flip")})});
      }),
      "cannot be augmented");
}

}  // namespace
}  // namespace fovea::data
