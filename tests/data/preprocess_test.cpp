#include "fovea/data/preprocess.h"

#include "fovea/image/geometry.h"
#include "tests/data/files.h"

namespace fovea::data {
namespace {

using image::Image;

Image ramp(int h, int w, int c) {
  Image image(h, w, c);
  for (size_t i = 0; i < image.pixels.size(); ++i) image.pixels[i] = uint8_t(7 * i);
  return image;
}

template <class F>
std::string refused(F f) {
  return message_of<std::invalid_argument>(f);
}

Preprocess everything() {
  Preprocess p = Preprocess::with_crop_pct(224, 0.875);
  p.convert_channels = false;
  p.filter = image::Filter::bicubic;
  p.reduced_decode = true;
  p.scale = 2;
  p.mean = {0.485, 0.456, 0.406};
  p.std = {0.229, 0.224, 0.225};
  p.bgr = true;
  return p;
}

TEST(Preprocess, JsonGoesRoundTrip) {
  auto p = everything();
  EXPECT_EQ(p.short_side, 256);
  EXPECT_EQ(Preprocess::from_json(p.to_json()), p);
  EXPECT_EQ(
      p.to_json(),
      R"({"channels":3,"convert_channels":false,"resize":"short_side","height":224,"width":224,)"
      R"("short_side":256,"interpolation":"bicubic","reduced_decode":true,"scale":2.0,)"
      R"("mean":[0.485,0.456,0.406],"std":[0.229,0.224,0.225],"channel_order":"bgr"})");
  EXPECT_EQ(Preprocess::from_json("{}"), Preprocess());
  EXPECT_NE(Preprocess(), p);
}

TEST(Preprocess, NamedOnesGiveTheRangesOfOtherPrograms) {
  Image picture(2, 2, 3);
  picture.pixels = {255, 0, 51, 255, 0, 51, 255, 0, 51, 255, 0, 51};
  auto first = [&](const char* name) {
    const auto values = Preprocess::named(name, 2, 2).apply({&picture, 1}).to_vector();
    return std::vector<float>(values.begin(), values.begin() + 3);
  };
  EXPECT_EQ(first("unit"), (std::vector<float>{1, 0, 0.2F}));
  EXPECT_EQ(first("bytes"), (std::vector<float>{255, 0, 51}));
  EXPECT_EQ(first("caffe"), (std::vector<float>{51 - 104, 0 - 117, 255 - 123}));
  const auto torchvision = first("imagenet"), tensorflow = first("signed");
  EXPECT_FLOAT_EQ(torchvision[0], (1 - 0.485F) / 0.229F);
  EXPECT_FLOAT_EQ(torchvision[2], (0.2F - 0.406F) / 0.225F);
  EXPECT_FLOAT_EQ(tensorflow[0], 1);
  EXPECT_FLOAT_EQ(tensorflow[1], -1);
  EXPECT_EQ(Preprocess::named("imagenet", 224, 224).short_side, 256);
  EXPECT_EQ(Preprocess::named("caffe", 227, 227).short_side, 256);
  EXPECT_HAS(refused([] { Preprocess::named("cafe", 2, 2); }), "did you mean \"caffe\"?");
  EXPECT_HAS(refused([] { Preprocess::named("caffe", 2, 2, 1); }), "one per channel");
}

TEST(Preprocess, JsonThatDoesNotFitIsRefused) {
  auto message = [](const char* text) { return refused([&] { Preprocess::from_json(text); }); };
  EXPECT_HAS(message("[1"), "expected a JSON object");
  EXPECT_HAS(message(R"({"meen": [0]})"), "unknown key \"meen\"; did you mean \"mean\"?");
  EXPECT_HAS(message(R"({"mean": 1})"), "mean: expected a list of numbers, got 1");
  EXPECT_HAS(message(R"({"mean": [1]})"), "expected 3 values of mean, one per channel, got 1");
  EXPECT_HAS(message(R"({"std": [1, 0, 1]})"), "expected a std above 0, got 0");
  EXPECT_HAS(
      message(R"({"resize": "crop"})"),
      "resize: expected one of none, stretch, short_side, got \"crop\"");
  EXPECT_HAS(message(R"({"resize": "stretch"})"), "expected a height and a width to resize to");
  EXPECT_HAS(message(R"({"height": 1e9})"), "height: expected a whole number in [0, 65536]");
  EXPECT_HAS(message(R"({"height": 32})"), "got 32 x 0");
  EXPECT_HAS(message(R"({"channels": 2})"), "expected 1 or 3 channels, got 2");
  EXPECT_HAS(message(R"({"convert_channels": 1})"), "expected true or false, got 1");
  EXPECT_HAS(message(R"({"scale": 0})"), "expected a scale other than 0");
  EXPECT_HAS(message(R"({"scale": "x"})"), "scale: expected a number");
  EXPECT_HAS(
      message(R"({"resize": "short_side", "height": 2, "width": 2})"), "expected a short_side");
  EXPECT_HAS(refused([] { Preprocess::with_crop_pct(224, 0); }), "crop_pct in (0, 1]");
}

TEST(Preprocess, NormalisesByChannel) {
  Preprocess p;
  p.mean = {0.1, 0.2, 0.3};
  p.std = {0.5, 0.25, 2};
  auto image = ramp(3, 5, 3);
  auto x = p.apply(std::vector{image, image});
  EXPECT_EQ(x.shape(), (Shape{2, 3, 5, 3}));
  auto y = x.data<float>();
  for (size_t i = 0; i < 45; ++i) {
    EXPECT_FLOAT_EQ(y[45 + i], float((image.pixels[i] / 255.0 - p.mean[i % 3]) / p.std[i % 3]));
  }
  p.bgr = true;
  auto z = p.apply(std::vector{image});
  for (size_t i = 0; i < 45; ++i) {
    auto pixel = image.pixels[i / 3 * 3 + 2 - i % 3];
    EXPECT_FLOAT_EQ(z.data<float>()[i], float((pixel / 255.0 - p.mean[i % 3]) / p.std[i % 3]));
  }
}

TEST(Preprocess, StretchAndShortSide) {
  auto image = ramp(20, 30, 3);
  Preprocess p;
  p.resize = Preprocess::Resize::stretch;
  p.height = 8;
  p.width = 6;
  EXPECT_EQ(p.geometry(image), image::resize(image, 8, 6, image::Filter::bilinear));
  p.resize = Preprocess::Resize::short_side;
  p.short_side = 10;
  auto expected =
      image::center_crop(image::resize_short_side(image, 10, image::Filter::bilinear), 8, 6);
  EXPECT_EQ(p.geometry(image), expected);
  EXPECT_EQ(p.apply(std::vector{image, ramp(50, 9, 1)}).shape(), (Shape{2, 8, 6, 3}));
}

TEST(Preprocess, ReducedDecodingAsksForTwiceTheSize) {
  Preprocess p = Preprocess::with_crop_pct(100, 1);
  EXPECT_EQ(p.decode_options().min_size, 0);
  p.reduced_decode = true;
  EXPECT_EQ(p.decode_options().min_size, 200);
  EXPECT_EQ(p.decode_options().channels, 3);
  p.convert_channels = false;
  EXPECT_EQ(p.decode_options().channels, 0);
}

TEST(Preprocess, GreyPictureOnAColourModel) {
  Preprocess p;
  auto grey = ramp(4, 4, 1);
  auto rgb = p.geometry(grey);
  ASSERT_EQ(rgb.channels, 3);
  for (int c = 0; c < 3; ++c) EXPECT_EQ(rgb.at(3, 2, c), grey.at(3, 2));
  p.convert_channels = false;
  EXPECT_HAS(
      refused([&] { p.geometry(grey); }),
      "[preprocess] expected a picture with 3 channels, got 1; convert it, or set "
      "convert_channels");
}

TEST(Preprocess, SizesMustFitWithoutResize) {
  Preprocess p;
  EXPECT_HAS(
      refused([&] {
        p.apply(std::vector{ramp(4, 4, 3), ramp(4, 5, 3)});
      }),
      "pictures of one size");
  p.height = p.width = 4;
  EXPECT_HAS(
      refused([&] { p.geometry(ramp(4, 5, 3)); }),
      "expected a picture of 4 x 4, got 4 x 5; set resize");
  EXPECT_EQ(p.apply({}).shape(), (Shape{0, 4, 4, 3}));
}

TEST(Preprocess, TensorsAreCheckedNotConverted) {
  Preprocess p;
  p.height = p.width = 4;
  p.check_input(Tensor::empty({2, 4, 4, 3}));
  auto message = [&](Shape shape, Dtype dtype = Dtype::f32) {
    return refused([&] { p.check_input(Tensor::empty(shape, dtype)); });
  };
  EXPECT_HAS(message({2, 4, 4, 1}), "[preprocess] expected f32 (N, 4, 4, 3), got f32 (2, 4, 4, 1)");
  EXPECT_HAS(message({4, 4, 3}), "got f32 (4, 4, 3)");
  EXPECT_HAS(message({2, 5, 4, 3}), "expected f32 (N, 4, 4, 3)");
  EXPECT_HAS(message({2, 4, 4, 3}, Dtype::u8), "got u8 (2, 4, 4, 3)");
}

}  // namespace
}  // namespace fovea::data
