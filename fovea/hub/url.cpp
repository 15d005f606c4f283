#include "fovea/hub/url.h"

#include <fmt/format.h>

#include "fovea/core/text.h"

namespace fovea::hub {

std::string origin_of(std::string_view url) {
  const size_t host = url.find("://");
  if (host == url.npos) return "";
  std::string origin = lower(std::string(url.substr(0, url.find_first_of("/?#\\", host + 3))));
  const bool known = origin.starts_with("http://") || origin.starts_with("https://");
  return known && origin.find('@') == origin.npos ? origin : "";
}

std::string resolved(const std::string& base, const std::string& location) {
  if (location.find("://") != location.npos) return location;
  if (location.starts_with("//")) return base.substr(0, base.find("//")) + location;
  if (location.starts_with("/")) return origin_of(base) + location;
  return base.substr(0, base.rfind('/') + 1) + location;
}

std::string encoded(std::string_view text, bool slashes) {
  std::string out;
  for (unsigned char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '.' || c == '_' || c == '~' || (slashes && c == '/');
    out += plain ? std::string(1, char(c)) : fmt::format("%{:02X}", c);
  }
  return out;
}

std::string printable(std::string_view text) {
  std::string out(text.substr(0, 200));
  for (char& c : out)
    if (c < ' ' || c > '~') c = '?';
  return out;
}

}  // namespace fovea::hub
