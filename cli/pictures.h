#pragma once

#include <string>
#include <vector>

namespace fovea::cli {

// Files as given, the pictures below folders in byte order, "-" as it is. Throws IoError for a
// folder without any.
std::vector<std::string> picture_files(const std::vector<std::string>& inputs);

}  // namespace fovea::cli
