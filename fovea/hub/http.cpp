#include "fovea/hub/http.h"

namespace fovea::hub {

std::string Reply::header(const std::string& name) const {
  auto it = headers.find(name);
  return it == headers.end() ? "" : it->second;
}

std::optional<uint64_t> Reply::number(const std::string& name) const {
  const std::string text = header(name);
  if (text.empty() || text.size() > 18 || text.find_first_not_of("0123456789") != text.npos)
    return {};
  return std::stoull(text);
}

}  // namespace fovea::hub
