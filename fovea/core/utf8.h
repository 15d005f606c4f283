#pragma once

#include <cstddef>
#include <string>
#include <string_view>

// Text in UTF-8. Names of files are any bytes, while HTML, SVG, JSON and safetensors hold UTF-8.
namespace fovea {

// Bytes of the well-formed sequence at the start of `text` (Unicode, table 3-7), 0 if there is
// none.
size_t utf8_sequence(std::string_view text);

bool is_utf8(std::string_view text);

// The text itself where it is UTF-8; else each byte as the character that it is in Latin-1.
std::string to_utf8(std::string text);

// Code points of a UTF-8 text: its width in a terminal as long as no character is wide.
size_t utf8_length(std::string_view text);

// The first `length` code points; what is cut ends in an ellipsis.
std::string utf8_shorten(std::string_view text, size_t length);

}  // namespace fovea
