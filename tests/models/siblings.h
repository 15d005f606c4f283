#pragma once

#include <algorithm>
#include <array>
#include <string_view>

#include "fovea/models/registry.h"

namespace fovea::models {

// Whether a network takes long to run (VGG's first linear layer alone has 100 million weights) and
// one that does run, vgg11_bn or squeezenet1_1, is made of the same layers.
inline bool is_another_vgg(std::string_view name) {
  return name.starts_with("vgg") && name != "vgg11_bn";
}

// The same for other families: another network of the table has the same layers and takes less
// time.
inline bool is_large_sibling(std::string_view name) {
  constexpr std::array<std::string_view, 14> large{
      "resnet101",
      "resnet152",
      "wide_resnet50_2",
      "wide_resnet101_2",
      "resnext101_32x8d",
      "densenet161",
      "densenet169",
      "densenet201",
      "wrn28_10",
      "fractalnet",
      "preact_resnet110",
      "resnet101_v1",
      "resnet152_v1",
      "zfnet"};
  return std::ranges::find(large, name) != large.end();
}

// Pictures for running a network quickly: its own size, or the smallest that leaves every stage of
// a network for ImageNet something to see.
inline Shape small_input(const Entry& e) {
  const int64_t side = e.input[0] == 224             ? 64
                       : e.input[0] == 227           ? 67
                       : e.input[0] == 299           ? 75
                       : e.name.starts_with("wrn28") ? 16
                       : e.name == "espnet"          ? 32
                                                     : e.input[0];
  return {side, side, e.input[2]};
}

// Whether a network has scores for each pixel.
inline bool gives_maps(std::string_view name) { return name == "espnet"; }

// The fewest classes that a network can tell apart: a pyramid of ESPNet has a channel at least for
// each of five dilations.
inline int64_t least_classes(std::string_view name) { return gives_maps(name) ? 5 : 2; }

// Whether a training step may leave out whole branches of the network.
inline bool drops_branches(std::string_view name) {
  constexpr std::array<std::string_view, 5> dropping{
      "resnet110_sd", "fractalnet", "fractalnet40", "efficientnet_b0", "convnext_tiny"};
  return std::ranges::find(dropping, name) != dropping.end();
}

}  // namespace fovea::models
