#include "fovea/hub/http.h"

namespace fovea::hub {

std::string Reply::header(const std::string& name) const {
  auto it = headers.find(name);
  return it == headers.end() ? "" : it->second;
}

}  // namespace fovea::hub
