#include "fovea/data/views.h"

#include "fovea/data/loader.h"
#include "fovea/image/augment.h"
#include "tests/data/files.h"
#include "tests/support/expect.h"

namespace fovea::data {
namespace {

using image::Image;
using Crops = ViewOptions::Crops;

// Rows in red, columns in green.
Image positions(int height, int width) {
  Image image(height, width, 3);
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x) {
      image.at(y, x, 0) = uint8_t(y);
      image.at(y, x, 1) = uint8_t(x);
    }
  return image;
}

Preprocess cropping(int short_side = 10) {
  Preprocess p;
  p.resize = Preprocess::Resize::short_side;
  p.height = 6;
  p.width = 4;
  p.short_side = short_side;
  return p;
}

TEST(Views, TheDefaultIsWhatTheModelSees) {
  Image picture = positions(20, 33);
  Views views(cropping());
  EXPECT_EQ(views.count(), 1);
  ASSERT_EQ(views.of(picture).size(), 1u);
  EXPECT_EQ(views.of(picture)[0], cropping().geometry(picture));
}

TEST(Views, SayWhatTheyAre) {
  Preprocess stretched = cropping();
  stretched.resize = Preprocess::Resize::stretch;
  EXPECT_EQ(Views(stretched, {.crops = Crops::flip}).str(), "2 views: the middle, also mirrored");
  EXPECT_EQ(
      Views(cropping(), {.crops = Crops::flip}).str(), "2 views: the middle, also mirrored, at 10");
}

TEST(Views, TenCropsAreCutFromTheResizedPicture) {
  Image picture = positions(10, 13);  // its shorter side is right
  Views views(cropping(), {.crops = Crops::ten});
  std::vector<Image> crops = views.of(picture);
  ASSERT_EQ(crops.size(), 10u);
  const int places[5][2] = {{0, 0}, {0, 9}, {4, 0}, {4, 9}, {2, 4}};
  for (size_t i = 0; i < 5; ++i) {
    for (int y = 0; y < 6; ++y)
      for (int x = 0; x < 4; ++x) {
        EXPECT_EQ(crops[i].at(y, x, 0), places[i][0] + y) << i;
        EXPECT_EQ(crops[i].at(y, x, 1), places[i][1] + x) << i;
        EXPECT_EQ(crops[i + 5].at(y, x, 1), places[i][1] + 3 - x) << i;
      }
    EXPECT_EQ(crops[i + 5], image::flip_horizontal(crops[i]));
  }
}

TEST(Views, FiveScalesOfTenCropsAreFifty) {
  Image picture = positions(40, 30);
  const std::vector<int> sides{6, 8, 10, 12, 16};
  Views views(cropping(), {.crops = Crops::ten, .short_sides = sides});
  EXPECT_EQ(views.count(), 50);
  EXPECT_EQ(views.str(), "50 views: ten crops of 6 x 4 at 6, 8, 10, 12, 16");
  std::vector<Image> crops = views.of(picture);
  ASSERT_EQ(crops.size(), 50u);
  for (size_t s = 0; s < 5; ++s) {
    Image resized = image::resize_short_side(picture, sides[s]);
    EXPECT_EQ(
        crops[10 * s + 3],
        image::crop(
            resized,
            {.top = resized.height - 6, .left = resized.width - 4, .height = 6, .width = 4}));
  }
}

TEST(Views, ScalesAloneTakeTheMiddleAndFlipDoublesIt) {
  Image picture = positions(40, 30);
  Views views(cropping(), {.crops = Crops::flip, .short_sides = {8, 12}});
  std::vector<Image> got = views.of(picture);
  ASSERT_EQ(got.size(), 4u);
  EXPECT_EQ(got[2], cropping(12).geometry(picture));
  EXPECT_EQ(got[3], image::flip_horizontal(got[2]));
}

TEST(Views, WholePicturesKeepTheirAspect) {
  Views views(cropping(), {.short_sides = {8, 12}, .whole = true});
  std::vector<Image> got = views.of(positions(20, 30));
  ASSERT_EQ(got.size(), 2u);
  EXPECT_EQ(got[0].height, 8);
  EXPECT_EQ(got[0].width, 12);
  EXPECT_EQ(got[1].height, 12);
  EXPECT_EQ(got[1].width, 18);
  EXPECT_EQ(views.pictures(100), 11);  // 100 / ((64 + 144) / 24)
  EXPECT_EQ(Views(cropping(), {.crops = Crops::ten}).pictures(5), 1);
}

TEST(Views, PicturesAreDecodedForTheLargestScale) {
  Preprocess p = cropping();
  p.reduced_decode = true;
  EXPECT_EQ(Views(p, {.short_sides = {8, 20, 12}}).decode_options().min_size, 40);
}

TEST(Views, WhatGivesNoViewsIsRefused) {
  auto message = [](const Preprocess& p, const ViewOptions& o) {
    return message_of<std::invalid_argument>([&] { Views views(p, o); });
  };
  Preprocess stretch{.resize = Preprocess::Resize::stretch, .height = 28, .width = 28};
  EXPECT_HAS(message(stretch, {.crops = Crops::ten}), "crops nothing");
  EXPECT_HAS(message(stretch, {.crops = Crops::ten}), "such as 32");
  EXPECT_HAS(message(stretch, {.whole = true}), "crops nothing");
  EXPECT_EQ(message(stretch, {.crops = Crops::ten, .short_sides = {28}}), "");
  EXPECT_HAS(
      message(cropping(), {.crops = Crops::ten, .short_sides = {8, 5}}),
      "expected short sides of at least 6, so that 6 x 4 can be cut out, got 5");
  EXPECT_HAS(message(cropping(5), {.crops = Crops::ten}), "got 5");
  EXPECT_HAS(message(Preprocess(), {.short_sides = {8}}), "takes any size");
  EXPECT_HAS(message(cropping(), {.crops = Crops::ten, .whole = true}), "got both");
}

TEST(Views, ABatchGroupsThemBySize) {
  Views views(cropping(), {.crops = Crops::flip, .short_sides = {8}, .whole = true});
  ViewBatch batch(views);
  batch.add(positions(8, 12));
  batch.add(positions(12, 8));
  batch.add(positions(8, 12));
  EXPECT_THROW(batch.add(Image()), std::invalid_argument);
  EXPECT_EQ(batch.size(), 3);
  std::vector<ViewGroup> groups = batch.take();
  ASSERT_EQ(groups.size(), 2u);
  EXPECT_EQ(groups[0].images.shape(), (Shape{4, 8, 12, 3}));
  EXPECT_EQ(groups[0].of, (std::vector<int64_t>{0, 0, 2, 2}));
  EXPECT_EQ(groups[1].of, (std::vector<int64_t>{1, 1}));
  EXPECT_FLOAT_EQ(groups[0].images.data<float>()[12 * 3 * 5], 5 / 255.f);  // row 5 of the first
  EXPECT_EQ(batch.size(), 0);
  EXPECT_TRUE(batch.take().empty());
}

TEST(Views, TheLoaderGivesThemWithTheLabels) {
  auto data = counting_dataset(5, 10, 10, 3, 2);
  LoaderOptions o{.batch_size = 2, .preprocess = cropping(), .views = ViewOptions{}};
  o.views->crops = Crops::ten;
  for (int workers : {0, 2}) {
    o.workers = workers;
    Loader loader(data, o);
    loader.start(0);
    std::vector<Batch> batches;
    while (auto batch = loader.next()) batches.push_back(std::move(*batch));
    ASSERT_EQ(batches.size(), 3u);
    EXPECT_EQ(batches[2].size(), 1);
    ASSERT_EQ(batches[1].views.size(), 1u);
    EXPECT_EQ(batches[1].views[0].images.shape(), (Shape{20, 6, 4, 3}));
    EXPECT_EQ(batches[1].labels.data<int32_t>()[1], 1);
    Image corner = image::crop(data->image(3), {.top = 4, .left = 6, .height = 6, .width = 4});
    auto x = batches[1].views[0].images.data<float>();
    EXPECT_FLOAT_EQ(x[(10 + 3) * corner.pixels.size()], corner.pixels[0] / 255.f);
  }
  o.augment = image::Augment({image::HorizontalFlip{}});
  EXPECT_THROW(Loader(data, o), std::invalid_argument);
}

}  // namespace
}  // namespace fovea::data
