#include "fovea/report/markup.h"

#include <cstdint>

#include "fovea/core/utf8.h"

namespace fovea::report {

namespace {

constexpr std::string_view replacement = "\xef\xbf\xbd";

// Bytes of the character at the start of `text`, 0 where it is none or one that XML 1.0 excludes.
size_t character_length(std::string_view text) {
  const auto first = uint8_t(text[0]);
  if (first < 0x20) return first == '\t' || first == '\n' || first == '\r';
  const bool excluded = text.starts_with("\xef\xbf\xbe") || text.starts_with("\xef\xbf\xbf");
  return excluded ? 0 : utf8_sequence(text);
}

}  // namespace

std::string escape(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const size_t length = character_length(text);
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

}  // namespace fovea::report
