#pragma once

#include <algorithm>
#include <array>
#include <string_view>

namespace fovea::models {

// Whether a network takes long to run (VGG's first linear layer alone has 100 million weights) and
// one that does run, vgg11_bn or squeezenet1_1, is made of the same layers.
inline bool is_another_vgg(std::string_view name) {
  return name.starts_with("vgg") && name != "vgg11_bn";
}

// The same for other families: another network of the table has the same layers and takes less
// time.
inline bool is_large_sibling(std::string_view name) {
  constexpr std::array<std::string_view, 11> large{
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
      "preact_resnet110"};
  return std::ranges::find(large, name) != large.end();
}

// Whether a training step may leave out whole branches of the network.
inline bool drops_branches(std::string_view name) {
  constexpr std::array<std::string_view, 5> dropping{
      "resnet110_sd", "fractalnet", "fractalnet40", "efficientnet_b0", "convnext_tiny"};
  return std::ranges::find(dropping, name) != dropping.end();
}

}  // namespace fovea::models
