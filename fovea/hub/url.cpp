#include "fovea/hub/url.h"

#include <algorithm>

#include <fmt/format.h>

#include "fovea/core/text.h"

namespace fovea::hub {

namespace {

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

// "https:..." and the like, section 3.1: what comes before the colon has none of "/?#".
bool has_scheme(std::string_view text) {
  const size_t colon = text.find(':');
  return colon != text.npos && is_letter(text[0]) &&
         std::ranges::all_of(text.substr(0, colon), [](char c) {
           return is_letter(c) || is_digit(c) || c == '+' || c == '-' || c == '.';
         });
}

}  // namespace

std::string origin_of(std::string_view url) {
  const size_t host = url.find("://");
  if (host == url.npos) return "";
  std::string origin = lower(std::string(url.substr(0, url.find_first_of("/?#", host + 3))));
  const bool known = origin.starts_with("http://") || origin.starts_with("https://");
  return known && origin.find_first_of("@\\") == origin.npos ? origin : "";
}

std::string resolved(const std::string& base, const std::string& location) {
  if (has_scheme(location)) return location;
  if (location.starts_with("//")) return base.substr(0, base.find(':') + 1) + location;
  const size_t path = std::min(base.find_first_of("/?#", base.find("://") + 3), base.size()),
               query = std::min(base.find_first_of("?#", path), base.size());
  if (location.starts_with("/")) return base.substr(0, path) + location;
  if (location.starts_with("?")) return base.substr(0, query) + location;
  if (location.starts_with("#")) return base.substr(0, base.find('#')) + location;
  if (path == query) return base.substr(0, path) + "/" + location;
  return base.substr(0, base.rfind('/', query - 1) + 1) + location;
}

std::string encoded(std::string_view text, bool slashes) {
  std::string out;
  for (unsigned char c : text) {
    const bool plain = is_letter(char(c)) || is_digit(char(c)) || c == '-' || c == '.' ||
                       c == '_' || c == '~' || (slashes && c == '/');
    out += plain ? std::string(1, char(c)) : fmt::format("%{:02X}", c);
  }
  return out;
}

}  // namespace fovea::hub
