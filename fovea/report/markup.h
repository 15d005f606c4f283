#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace fovea::report {

// Text for HTML and XML, in elements and in quoted attributes: the five special characters become
// entities; what XML forbids (control characters, bytes that are not UTF-8) becomes U+FFFD.
std::string escape(std::string_view text);

// Code points of a UTF-8 text: its width in a terminal as long as no character is wide.
size_t utf8_length(std::string_view text);

// The first `length` code points; what is cut ends in an ellipsis.
std::string utf8_shorten(std::string_view text, size_t length);

}  // namespace fovea::report
