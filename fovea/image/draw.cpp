#include "fovea/image/draw.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <stdexcept>

#include <fmt/format.h>

#include "fovea/image/font.h"
#include "fovea/image/resize.h"

namespace fovea::image {

namespace {

void put(Image& image, int y, int x, Color color) {
  if (y < 0 || x < 0 || y >= image.height || x >= image.width) return;
  uint8_t* p = image.row(y) + size_t(x) * size_t(image.channels);
  if (image.channels >= 3) {
    p[0] = color.r, p[1] = color.g, p[2] = color.b;
  } else {
    p[0] = luma(color.r, color.g, color.b);
  }
  if (image.channels % 2 == 0) p[image.channels - 1] = 255;
}

// A later byte of a UTF-8 character.
bool continues(char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }

// The image in a square of `cell`: shrunk smoothly, or enlarged by a whole factor.
Image fit(const Image& image, int cell) {
  const int longer = std::max(image.height, image.width);
  if (longer > cell) {
    auto scaled = [&](int side) { return std::max(1, int(int64_t(side) * cell / longer)); };
    return resize(image, scaled(image.height), scaled(image.width));
  }
  const int factor = cell / longer;
  return resize(image, image.height * factor, image.width * factor, Filter::nearest);
}

}  // namespace

void fill_rect(Image& image, const Rect& r, Color color) {
  check_image(image, "fill_rect");
  const int bottom = int(std::min<int64_t>(image.height, int64_t(r.top) + r.height));
  const int right = int(std::min<int64_t>(image.width, int64_t(r.left) + r.width));
  for (int y = std::max(r.top, 0); y < bottom; ++y)
    for (int x = std::max(r.left, 0); x < right; ++x) put(image, y, x, color);
}

void draw_rect(Image& image, const Rect& r, Color color, int thickness) {
  const int t = std::min({thickness, (r.height + 1) / 2, (r.width + 1) / 2});
  fill_rect(image, {r.top, r.left, t, r.width}, color);
  fill_rect(image, {r.top + r.height - t, r.left, t, r.width}, color);
  fill_rect(image, {r.top, r.left, r.height, t}, color);
  fill_rect(image, {r.top, r.left + r.width - t, r.height, t}, color);
}

// Bresenham, "Algorithm for computer control of a digital plotter", 1965.
void draw_line(Image& image, int y0, int x0, int y1, int x1, Color color) {
  check_image(image, "draw_line");
  const int dx = std::abs(x1 - x0), dy = -std::abs(y1 - y0);
  const int step_x = x0 < x1 ? 1 : -1, step_y = y0 < y1 ? 1 : -1;
  for (int error = dx + dy;;) {
    put(image, y0, x0, color);
    if (x0 == x1 && y0 == y1) return;
    const int twice = 2 * error;
    if (twice >= dy) error += dy, x0 += step_x;
    if (twice <= dx) error += dx, y0 += step_y;
  }
}

void paste(Image& image, const Image& source, int top, int left) {
  check_image(image, "paste");
  if (source.channels != image.channels)
    return paste(image, convert(source, image.channels), top, left);
  const int x0 = std::max(left, 0), x1 = std::min(left + source.width, image.width);
  if (x0 >= x1) return;
  const size_t c = size_t(image.channels);
  for (int y = std::max(top, 0); y < std::min(top + source.height, image.height); ++y) {
    const uint8_t* from = source.row(y - top) + size_t(x0 - left) * c;
    std::memcpy(image.row(y) + size_t(x0) * c, from, size_t(x1 - x0) * c);
  }
}

int text_width(std::string_view text, int scale) {
  // The free column after the last character does not count.
  const auto characters =
      std::count_if(text.begin(), text.end(), [](char c) { return !continues(c); });
  return characters == 0 ? 0 : (int(characters) * glyph_width - 1) * scale;
}

void draw_text(Image& image, int top, int left, std::string_view text, Color color, int scale) {
  for (char character : text) {
    if (continues(character)) continue;
    const auto code = static_cast<unsigned char>(character);
    const Glyph& glyph = font[code >= 32 && code < 127 ? code - 32u : 95u];
    for (int row = 0; row < 7; ++row)
      for (int column = 0; column < 5; ++column)
        if ((glyph[size_t(row)] >> (4 - column)) & 1)
          fill_rect(image, {top + row * scale, left + column * scale, scale, scale}, color);
    left += glyph_width * scale;
  }
}

std::string fit_text(std::string_view text, int width, int scale) {
  if (text_width(text, scale) <= width) return std::string(text);
  auto drop_character = [&text] {
    while (continues(text.back())) text.remove_suffix(1);
    text.remove_suffix(1);
  };
  while (!text.empty() && text_width(text, scale) + 2 * glyph_width * scale > width)
    drop_character();
  return std::string(text) + "..";
}

Image contact_sheet(
    const std::vector<Image>& images,
    const std::vector<std::string>& captions,
    const SheetOptions& o) {
  if (images.empty()) throw std::invalid_argument("[contact_sheet] expected images, got none");
  if (!captions.empty() && captions.size() != images.size()) {
    throw std::invalid_argument(fmt::format(
        "[contact_sheet] expected no captions or {}, got {}", images.size(), captions.size()));
  }
  if (o.columns < 1 || o.cell < 1 || o.gap < 0 || o.text_scale < 1) {
    throw std::invalid_argument(fmt::format(
        "[contact_sheet] expected columns, cell and text_scale >= 1 and gap >= 0, got {}, {}, {} "
        "and {}",
        o.columns,
        o.cell,
        o.text_scale,
        o.gap));
  }
  const int count = int(images.size()), columns = std::min(o.columns, count);
  const int rows = (count + columns - 1) / columns;
  const int caption = captions.empty() ? 0 : (glyph_height + 2) * o.text_scale;
  Image sheet(o.gap + rows * (o.cell + caption + o.gap), o.gap + columns * (o.cell + o.gap), 3);
  fill_rect(sheet, {0, 0, sheet.height, sheet.width}, o.background);
  for (int i = 0; i < count; ++i) {
    const int top = o.gap + i / columns * (o.cell + caption + o.gap);
    const int left = o.gap + i % columns * (o.cell + o.gap);
    Image picture = fit(images[size_t(i)], o.cell);
    paste(sheet, picture, top + (o.cell - picture.height) / 2, left + (o.cell - picture.width) / 2);
    if (captions.empty()) continue;
    std::string text = fit_text(captions[size_t(i)], o.cell, o.text_scale);
    int indent = (o.cell - text_width(text, o.text_scale)) / 2;
    draw_text(sheet, top + o.cell + 2 * o.text_scale, left + indent, text, o.text, o.text_scale);
  }
  return sheet;
}

}  // namespace fovea::image
