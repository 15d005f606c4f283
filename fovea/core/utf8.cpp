#include "fovea/core/utf8.h"

#include <cstdint>

namespace fovea {

namespace {

bool starts_character(char c) { return (uint8_t(c) & 0xc0) != 0x80; }

}  // namespace

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const size_t length = utf8_sequence(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

size_t utf8_sequence(std::string_view text) {
  auto byte = [&](size_t i) { return i < text.size() ? uint8_t(text[i]) : uint8_t(0); };
  auto tail = [&](size_t i) { return (byte(i) & 0xc0) == 0x80; };
  const uint8_t first = byte(0), second = byte(1);
  if (first < 0x80) return text.empty() ? 0 : 1;
  if (first >= 0xc2 && first < 0xe0) return tail(1) ? 2 : 0;
  if (first >= 0xe0 && first < 0xf0) {
    const bool overlong = first == 0xe0 && second < 0xa0,
               surrogate = first == 0xed && second >= 0xa0;
    return tail(1) && tail(2) && !overlong && !surrogate ? 3 : 0;
  }
  if (first >= 0xf0 && first < 0xf5) {
    const bool overlong = first == 0xf0 && second < 0x90, beyond = first == 0xf4 && second >= 0x90;
    return tail(1) && tail(2) && tail(3) && !overlong && !beyond ? 4 : 0;
  }
  return 0;
}

std::string to_utf8(std::string text) {
  if (is_utf8(text)) return text;
  std::string out;
  for (char c : text) {
    const auto code = uint8_t(c);
    if (code < 0x80) {
      out += c;
    } else {
      out += char(0xc0 | code >> 6);
      out += char(0x80 | (code & 0x3f));
    }
  }
  return out;
}

size_t utf8_length(std::string_view text) {
  size_t length = 0;
  for (char c : text) length += starts_character(c);
  return length;
}

std::string utf8_shorten(std::string_view text, size_t length) {
  if (utf8_length(text) <= length) return std::string(text);
  if (length == 0) return "";
  size_t characters = 0, at = 0;
  for (; at < text.size(); ++at)
    if (starts_character(text[at]) && characters++ == length - 1) break;
  return std::string(text.substr(0, at)) + "\u2026";
}

}  // namespace fovea
