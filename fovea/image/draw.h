#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "fovea/image/geometry.h"
#include "fovea/image/image.h"

namespace fovea::image {

struct Color {
  uint8_t r = 0, g = 0, b = 0;
};

// Drawing onto grey, RGB or RGBA images (grey takes the luma of a colour, alpha becomes opaque).
// Whatever lies outside the image is left out.
void fill_rect(Image& image, const Rect& rect, Color color);
void draw_rect(Image& image, const Rect& rect, Color color, int thickness = 1);  // grows inwards
void draw_line(Image& image, int y0, int x0, int y1, int x1, Color color);

// `source` with its top left corner at (top, left), converted to the channels of `image`; alpha is
// not blended.
void paste(Image& image, const Image& source, int top, int left);

// The built-in font has a cell of 6 x 8 pixels for each printable ASCII character; others show as a
// box. `scale` enlarges it by a whole factor.
inline constexpr int glyph_width = 6, glyph_height = 8;
int text_width(std::string_view text, int scale = 1);
void draw_text(Image& image, int top, int left, std::string_view text, Color color, int scale = 1);

// The text, or its beginning and ".." when it is wider than `width` pixels.
std::string fit_text(std::string_view text, int width, int scale = 1);

struct SheetOptions {
  int columns = 8;
  int cell = 96;  // side of the square each picture is fitted into; larger ones are shrunk
  int gap = 8;    // pixels between cells
  int text_scale = 1;
  Color background{255, 255, 255};
  Color text{32, 32, 32};
};

// Pictures in a grid, (rows, columns) in reading order, each with its caption below. `captions` is
// empty or has one for every picture; small pictures are enlarged by whole factors without
// smoothing.
Image contact_sheet(
    const std::vector<Image>& images,
    const std::vector<std::string>& captions = {},
    const SheetOptions& options = {});

}  // namespace fovea::image
