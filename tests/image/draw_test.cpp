#include "fovea/image/draw.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "fovea/image/font.h"

namespace fovea::image {
namespace {

constexpr Color white{255, 255, 255};

int lit(const Image& image) {
  return int(
      std::count_if(image.pixels.begin(), image.pixels.end(), [](auto p) { return p != 0; }));
}

TEST(Draw, RectanglesAreClipped) {
  Image image(4, 5, 1);
  fill_rect(image, {-1, 3, 3, 9}, white);
  EXPECT_EQ(lit(image), 4);
  EXPECT_EQ(image.at(1, 4), 255);
  Image frame(5, 5, 1);
  draw_rect(frame, {0, 0, 5, 5}, white);
  EXPECT_EQ(lit(frame), 16);
  draw_rect(frame, {0, 0, 5, 5}, white, 9);
  EXPECT_EQ(lit(frame), 25);
}

TEST(Draw, ColoursFollowTheChannels) {
  Image rgba(1, 1, 4), grey_alpha(1, 1, 2);
  fill_rect(rgba, {0, 0, 1, 1}, {1, 2, 3});
  EXPECT_EQ(rgba.pixels, (PixelBytes{1, 2, 3, 255}));
  fill_rect(grey_alpha, {0, 0, 1, 1}, {100, 100, 100});
  EXPECT_EQ(grey_alpha.pixels, (PixelBytes{100, 255}));
}

TEST(Draw, LinesJoinTheirEnds) {
  Image image(5, 9, 1);
  draw_line(image, 4, 8, 0, 0, white);
  EXPECT_EQ(image.at(0, 0), 255);
  EXPECT_EQ(image.at(4, 8), 255);
  EXPECT_EQ(image.at(2, 4), 255);
  EXPECT_EQ(lit(image), 9);
  draw_line(image, -3, 2, 20, 2, white);
  for (int y = 0; y < 5; ++y) EXPECT_EQ(image.at(y, 2), 255);
}

TEST(Draw, PasteClipsAndConverts) {
  Image sheet(3, 3, 3), dot(2, 2, 1, 9);
  paste(sheet, dot, -1, 2);
  EXPECT_EQ(sheet.at(0, 2, 0), 9);
  EXPECT_EQ(sheet.at(0, 2, 2), 9);
  EXPECT_EQ(lit(sheet), 3);
}

TEST(Draw, TextDrawsGlyphs) {
  Image image(8, 12, 1);
  draw_text(image, 0, 0, "T", white);
  for (int x = 0; x < 5; ++x) EXPECT_EQ(image.at(0, x), 255);
  for (int y = 0; y < 7; ++y) EXPECT_EQ(image.at(y, 2), 255);
  EXPECT_EQ(lit(image), 11);
  Image twice(16, 12, 1);
  draw_text(twice, 0, 0, "T", white, 2);
  EXPECT_EQ(lit(twice), 44);
  Image letter(8, 12, 1), unknown(8, 12, 1);
  draw_text(letter, 0, 0, "\xc3\xa9", white);  // one character outside ASCII
  draw_text(unknown, 0, 0, "\x01", white);
  EXPECT_EQ(letter, unknown);
  EXPECT_EQ(lit(letter), 20);
}

TEST(Draw, GlyphsAreDistinct) {
  for (size_t i = 0; i < font.size(); ++i)
    for (size_t j = i + 1; j < font.size(); ++j) EXPECT_NE(font[i], font[j]) << i << " " << j;
}

TEST(Draw, TextIsMeasuredAndCut) {
  EXPECT_EQ(text_width(""), 0);
  EXPECT_EQ(text_width("ab"), 11);
  EXPECT_EQ(text_width("ab", 3), 33);
  EXPECT_EQ(text_width("\xc3\xa9"), 5);
  EXPECT_EQ(fit_text("abcdef", 35), "abcdef");
  EXPECT_EQ(fit_text("abcdef", 34), "abc..");
  EXPECT_EQ(fit_text("a\xc3\xa9\xc3\xa9\xc3\xa9", 22), "a..");
  EXPECT_LE(text_width(fit_text("abcdefgh", 30)), 30);
}

TEST(Draw, ContactSheetPlacesPicturesInRows) {
  std::vector<Image> pictures(5, Image(2, 2, 1, 0));
  pictures[4] = Image(40, 20, 3, 200);
  Image sheet = contact_sheet(pictures, {}, {.columns = 3, .cell = 10, .gap = 2});
  EXPECT_EQ(sheet.height, 2 + 2 * 12);
  EXPECT_EQ(sheet.width, 2 + 3 * 12);
  EXPECT_EQ(sheet.at(2, 2), 0);  // enlarged five times
  EXPECT_EQ(sheet.at(11, 11), 0);
  EXPECT_EQ(sheet.at(12, 12), 255);
  EXPECT_EQ(sheet.at(14, 15), 255);  // shrunk to 10 x 5 and centred
  EXPECT_EQ(sheet.at(14, 16), 200);
  EXPECT_EQ(sheet.at(14, 30), 255);  // an empty cell
  Image named = contact_sheet(pictures, {"a", "b", "c", "d", "e"}, {.columns = 5, .cell = 10});
  EXPECT_EQ(named.height, 8 + 10 + 10 + 8);
}

TEST(Draw, ContactSheetChecksItsArguments) {
  auto message = [](auto call) -> std::string {
    try {
      call();
    } catch (const std::invalid_argument& e) {
      return e.what();
    }
    return "";
  };
  std::vector<Image> one{Image(1, 1, 1)};
  EXPECT_EQ(message([] { contact_sheet({}); }), "[contact_sheet] expected images, got none");
  EXPECT_EQ(
      message([&] {
        contact_sheet(one, {"a", "b"});
      }),
      "[contact_sheet] expected no captions or 1, got 2");
  EXPECT_EQ(
      message([&] { contact_sheet(one, {}, {.columns = 0}); }),
      "[contact_sheet] expected columns, cell and text_scale >= 1 and gap >= 0, got 0, 96, 1 and "
      "8");
}

}  // namespace
}  // namespace fovea::image
