#include "fovea/image/augment.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <set>

#include <gtest/gtest.h>

#include "tests/image/bundle.h"

namespace fovea::image {
namespace {

Image noise(int height, int width, int channels = 3) {
  Image image(height, width, channels);
  Rng rng(Key(5));
  for (uint8_t& p : image.pixels) p = uint8_t(rng.next_u32());
  return image;
}

// Each pixel holds its position, so that a crop shows where it was taken.
Image positions(int height, int width) {
  Image image(height, width, 3);
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x) {
      image.at(y, x, 0) = uint8_t(y);
      image.at(y, x, 1) = uint8_t(x);
      image.at(y, x, 2) = 255;
    }
  return image;
}

std::string message(const std::function<void()>& call) {
  try {
    call();
  } catch (const std::invalid_argument& e) {
    return e.what();
  }
  return "";
}

Augment everything() {
  std::vector<Step> steps;
  for (const StepInfo& info : step_table())
    if (info.name != "center_crop" && info.name != "random_scale_crop")
      steps.push_back(make_step(info.name));
  return Augment(steps);
}

TEST(Augment, DependsOnImageAndKeyAlone) {
  Augment augment = everything();
  Image image = noise(60, 50);
  Key sample = Key(1).fold_in(2).fold_in(3);
  Image first = augment.apply(image, sample);
  augment.apply(image, Key(9));
  EXPECT_EQ(augment.apply(image, sample), first);
  EXPECT_NE(augment.apply(image, Key(1).fold_in(2).fold_in(4)), first);
}

TEST(Augment, StepsHaveTheirOwnStreams) {
  // The crop is the same whether or not the step before it draws numbers.
  Image image = positions(40, 40);
  Augment quiet({Resize{40, 40}, RandomCrop{.size = 8, .padding = 0}});
  Augment noisy({ColorJitter{0, 0, 0, 0}, RandomCrop{.size = 8, .padding = 0}});
  for (uint64_t i = 0; i < 8; ++i)
    EXPECT_EQ(quiet.apply(image, Key(i)), noisy.apply(image, Key(i)));
}

TEST(Augment, FlipsHalfOfTheTime) {
  Image image = positions(2, 3), mirrored = flip_horizontal(image);
  int flipped = 0;
  for (uint64_t i = 0; i < 400; ++i) {
    Image got = Augment({HorizontalFlip{}}).apply(image, Key(i));
    ASSERT_TRUE(got == image || got == mirrored);
    flipped += got == mirrored;
  }
  EXPECT_NEAR(flipped, 200, 40);  // four standard deviations
  EXPECT_EQ(Augment({HorizontalFlip{1}}).apply(image, Key(1)), mirrored);
  EXPECT_EQ(Augment({VerticalFlip{1}}).apply(image, Key(1)), flip_vertical(image));
}

TEST(Augment, RandomCropReachesEveryPlace) {
  Image image = positions(6, 6);
  std::set<std::pair<int, int>> places;
  for (uint64_t i = 0; i < 2000; ++i) {
    Image got = Augment({RandomCrop{.size = 6, .padding = 2}}).apply(image, Key(i));
    ASSERT_EQ(got.height, 6);
    ASSERT_EQ(got.width, 6);
    EXPECT_EQ(got.at(3, 3, 2), 255);  // the middle never leaves the picture
    places.insert({got.at(3, 3, 0), got.at(3, 3, 1)});
  }
  EXPECT_EQ(places.size(), 25u);
  Image small = Augment({RandomCrop{.size = 32, .padding = 4}}).apply(Image(5, 50, 1), Key(1));
  EXPECT_EQ(small.height, 32);
  EXPECT_EQ(small.width, 32);
}

TEST(Augment, RandomResizedCropStaysInRange) {
  Image image = positions(100, 100);
  double least = 1, most = 0;
  for (uint64_t i = 0; i < 300; ++i) {
    Image got = Augment({RandomResizedCrop{.size = 25, .filter = 0}}).apply(image, Key(i));
    ASSERT_EQ(got.height, 25);
    double h = (got.at(24, 0, 0) - got.at(0, 0, 0)) / 24.0 * 25;
    double w = (got.at(0, 24, 1) - got.at(0, 0, 1)) / 24.0 * 25;
    double area = h * w / 10000, ratio = w / h;
    EXPECT_GT(ratio, 0.75 * 0.9);
    EXPECT_LT(ratio, 4.0 / 3 * 1.1);
    least = std::min(least, area);
    most = std::max(most, area);
  }
  EXPECT_NEAR(least, 0.08, 0.03);
  EXPECT_NEAR(most, 1, 0.1);
  // No part of a strip has such a ratio and 90 % of the area: the middle is taken.
  RandomResizedCrop tight{.size = 4, .area_min = 0.9, .filter = 0};
  Image got = Augment({tight}).apply(positions(10, 200), Key(1));
  EXPECT_NEAR(got.at(0, 0, 1), 95, 2);
}

TEST(Augment, RandomScaleCropDrawsTheShortSide) {
  Image image = positions(100, 100);
  double least = 1e9, most = 0;
  for (uint64_t i = 0; i < 200; ++i) {
    RandomScaleCrop step{.size = 24, .short_min = 24, .short_max = 48, .filter = 0};
    Image got = Augment({step}).apply(image, Key(i));
    ASSERT_EQ(got.width, 24);
    double scale = 100 / ((got.at(23, 0, 0) - got.at(0, 0, 0)) / 23.0);
    least = std::min(least, scale);
    most = std::max(most, scale);
  }
  EXPECT_NEAR(least, 24, 1.5);
  EXPECT_NEAR(most, 48, 1.5);
}

TEST(Augment, ColorJitterOfNothingIsTheSame) {
  Image image = noise(8, 8);
  EXPECT_EQ(Augment({ColorJitter{0, 0, 0, 0}}).apply(image, Key(1)), image);
  Image grey(4, 4, 1, 100);
  std::set<int> values;
  for (uint64_t i = 0; i < 100; ++i)
    values.insert(Augment({ColorJitter{0.4, 0, 0, 0}}).apply(grey, Key(i)).at(0, 0));
  EXPECT_GE(*values.begin(), 60);
  EXPECT_LE(*values.rbegin(), 140);
  EXPECT_GT(values.size(), 40u);
}

TEST(Augment, LightingShiftsAllPixelsAlike) {
  Image image(5, 5, 3, 128);
  Image got = Augment({Lighting{}}).apply(image, Key(3));
  for (size_t i = 0; i < got.pixels.size(); ++i) EXPECT_EQ(got.pixels[i], got.pixels[i % 3]);
  EXPECT_NE(got, image);
  // With one axis the three channels move by its direction.
  Lighting one{.std = 1, .pca = {{}, {0.05, 0, 0}, {{{1, -1, 0}, {0, 0, 0}, {0, 0, 0}}}}};
  got = Augment({one}).apply(image, Key(3));
  EXPECT_EQ(got.at(0, 0, 0) - 128, -(got.at(0, 0, 1) - 128));
  EXPECT_EQ(got.at(0, 0, 2), 128);
}

TEST(Augment, AffineAndLensOfNothingAreTheSame) {
  Image image = noise(9, 8);
  RandomAffine still{.rotate = 0, .translate = 0, .scale = 0, .stretch = 0, .shear = 0};
  EXPECT_EQ(Augment({still}).apply(image, Key(1)), image);
  EXPECT_EQ(Augment({RandomLens{.strength = 0}}).apply(image, Key(1)), image);
  EXPECT_NE(Augment({RandomAffine{}}).apply(image, Key(1)), image);
  EXPECT_NE(Augment({RandomLens{}}).apply(image, Key(1)), image);
}

TEST(Augment, RandomErasingCoversTheAskedArea) {
  Image image(50, 50, 1, 200);
  for (uint64_t i = 0; i < 100; ++i) {
    Image got = Augment({RandomErasing{.p = 1, .fill = 7}}).apply(image, Key(i));
    double erased = double(std::count(got.pixels.begin(), got.pixels.end(), 7)) / 2500;
    if (erased == 0) continue;  // no place found in ten attempts
    EXPECT_GT(erased, 0.015);
    EXPECT_LT(erased, 0.35);
  }
  EXPECT_EQ(Augment({RandomErasing{.p = 0}}).apply(image, Key(1)), image);
  Image noisy = Augment({RandomErasing{.p = 1}}).apply(image, Key(1));
  EXPECT_GT(std::set<int>(noisy.pixels.begin(), noisy.pixels.end()).size(), 20u);
}

TEST(Augment, TenCrops) {
  Image image = positions(10, 12);
  std::vector<Image> crops = ten_crop(image, 4, 5);
  ASSERT_EQ(crops.size(), 10u);
  const int places[5][2] = {{0, 0}, {0, 7}, {6, 0}, {6, 7}, {3, 4}};
  for (size_t i = 0; i < 5; ++i) {
    EXPECT_EQ(crops[i].at(0, 0, 0), places[i][0]);
    EXPECT_EQ(crops[i].at(0, 0, 1), places[i][1]);
    EXPECT_EQ(crops[i + 5], flip_horizontal(crops[i]));
  }
  EXPECT_THROW(ten_crop(image, 11, 5), std::invalid_argument);
}

TEST(Augment, TableMakesEveryStep) {
  EXPECT_EQ(step_table().size(), std::variant_size_v<Step>);
  for (const StepInfo& info : step_table()) {
    EXPECT_FALSE(info.doc.empty());
    Step step = make_step(info.name);
    EXPECT_EQ(name_of(step), info.name);
    auto values = parameters_of(step);
    EXPECT_EQ(values.size(), info.parameters.size());
    for (const StepParameter& p : info.parameters) {
      EXPECT_EQ(values.at(std::string(p.name)), p.value) << info.name << " " << p.name;
      EXPECT_GE(p.value, p.min);
      EXPECT_LE(p.value, p.max);
    }
    EXPECT_EQ(parameters_of(make_step(info.name, values)), values);
  }
  Step crop = make_step("random_crop", {{"size", 28}, {"padding", 2}});
  EXPECT_EQ(std::get<RandomCrop>(crop).size, 28);
  EXPECT_EQ(std::get<RandomCrop>(crop).padding, 2);
}

TEST(Augment, TableRefusesWhatItDoesNotKnow) {
  EXPECT_NE(
      message([] {
        make_step("flip");
      }).find("[augment] unknown step \"flip\"; expected one of resize, resize_short, "),
      std::string::npos);
  EXPECT_EQ(
      message([] {
        make_step("random_crop", {{"pad", 1}});
      }),
      "[augment] random_crop: unknown parameter \"pad\"; expected one of size, padding, border, "
      "fill");
  EXPECT_EQ(
      message([] {
        make_step("random_crop", {{"size", 2.5}});
      }),
      "[augment] random_crop: expected size to be a whole number from 1 to 65536, got 2.5");
  EXPECT_EQ(
      message([] {
        make_step("horizontal_flip", {{"p", 1.5}});
      }),
      "[augment] horizontal_flip: expected p to be a number from 0 to 1, got 1.5");
  EXPECT_EQ(
      message([] {
        make_step("random_scale_crop", {{"size", 300}});
      }),
      "[augment] random_scale_crop: expected short_min >= size, got 256 and 300");
  EXPECT_EQ(
      message([] { Augment({RandomErasing{.area_min = 0.5}}); }),
      "[augment] random_erasing: expected area_min <= area_max, got 0.5 and 0.33");
}

}  // namespace
}  // namespace fovea::image
