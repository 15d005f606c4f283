#pragma once

#include <string_view>

namespace fovea::models {

// Whether a network takes long to run (VGG's first linear layer alone has 100 million weights) and
// one that does run, vgg11_bn or squeezenet1_1, is made of the same layers.
inline bool is_another_vgg(std::string_view name) {
  return name.starts_with("vgg") && name != "vgg11_bn";
}

}  // namespace fovea::models
