#pragma once

#include <string_view>

#include "fovea/models/registry.h"

namespace fovea::models {

// Whether a network takes long to run (VGG's first linear layer alone has 100 million weights) and
// one that does run, vgg11_bn or squeezenet1_1, is made of the same layers.
inline bool is_another_vgg(std::string_view name) {
  return name.starts_with("vgg") && name != "vgg11_bn";
}

// The same for networks made of the layers of resnet50_v1 and of alexnet_paper.
inline bool is_another_large(std::string_view name) {
  return name == "resnet101_v1" || name == "resnet152_v1" || name == "zfnet";
}

// Pictures for running a network quickly: its own size, or the smallest that leaves every stage of
// a network for ImageNet something to see.
inline Shape small_input(const Entry& e) {
  const int64_t side = e.input[0] == 224   ? 64
                       : e.input[0] == 227 ? 67
                       : e.input[0] == 299 ? 75
                                           : e.input[0];
  return {side, side, e.input[2]};
}

}  // namespace fovea::models
