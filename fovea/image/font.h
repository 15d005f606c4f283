#pragma once

#include <array>
#include <cstdint>

namespace fovea::image {

// Characters 32 to 126, seven rows of five pixels each, the leftmost pixel in bit 4; row 8 and
// column 6 of a cell stay free. The last entry is the box for anything else.
using Glyph = std::array<uint8_t, 7>;
extern const std::array<Glyph, 96> font;

}  // namespace fovea::image
