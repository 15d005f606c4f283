#pragma once

#include <string>

#include <nlohmann/json.hpp>

namespace fovea::cli {

// As verbs print it: indented, or with `line` on one line; and a line end. Bytes that are not
// UTF-8, as names of files may have, become U+FFFD.
inline std::string json_text(const nlohmann::ordered_json& j, bool line = false) {
  using Json = nlohmann::ordered_json;
  return j.dump(line ? -1 : 2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace fovea::cli
