#pragma once

#include <string>

namespace fovea {

std::string version();        // "0.1.0"
std::string build_details();  // compiler and build type, for --version

}  // namespace fovea
