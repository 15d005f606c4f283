#include "fovea/report/markup.h"

#include <cstdint>

namespace fovea::report {

namespace {

constexpr std::string_view replacement = "\xef\xbf\xbd";

// Bytes of the well-formed UTF-8 sequence at the start of `text` (Unicode, table 3-7), 0 if there
// is none or it is a character that XML 1.0 excludes.
size_t sequence_length(std::string_view text) {
  auto byte = [&](size_t i) { return i < text.size() ? uint8_t(text[i]) : uint8_t(0); };
  auto tail = [&](size_t i) { return (byte(i) & 0xc0) == 0x80; };
  uint8_t first = byte(0), second = byte(1);
  if (first < 0x80) return first >= 0x20 || first == '\t' || first == '\n' || first == '\r';
  if (first >= 0xc2 && first < 0xe0) return tail(1) ? 2 : 0;
  if (first >= 0xe0 && first < 0xf0) {
    bool overlong = first == 0xe0 && second < 0xa0, surrogate = first == 0xed && second >= 0xa0;
    bool excluded = first == 0xef && second == 0xbf && byte(2) >= 0xbe;
    return tail(1) && tail(2) && !overlong && !surrogate && !excluded ? 3 : 0;
  }
  if (first >= 0xf0 && first < 0xf5) {
    bool overlong = first == 0xf0 && second < 0x90, beyond = first == 0xf4 && second >= 0x90;
    return tail(1) && tail(2) && tail(3) && !overlong && !beyond ? 4 : 0;
  }
  return 0;
}

bool starts_character(char c) { return (uint8_t(c) & 0xc0) != 0x80; }

}  // namespace

std::string escape(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    size_t length = sequence_length(text);
    switch (text[0]) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += length > 0 ? text.substr(0, length) : replacement;
    }
    text.remove_prefix(length > 0 ? length : 1);
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

}  // namespace fovea::report
