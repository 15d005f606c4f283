#pragma once

#include <string_view>

// Facts that torchvision records of its weights, as text; see torchvision.h for what reads them.
namespace fovea::hub {

std::string_view torchvision_rows();
std::string_view imagenet_names();

}  // namespace fovea::hub
