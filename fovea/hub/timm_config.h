#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "fovea/data/preprocess.h"

namespace fovea::hub {

// The config.json that timm writes beside the weights of a network: its name in timm, how its
// pictures are prepared, and where its first and last layers are.
struct TimmConfig {
  std::string architecture;  // "resnet18"
  std::string tag;           // of the weights: "a1_in1k"
  int64_t classes = 0;
  data::Preprocess preprocess;
  std::string first_conv, classifier;  // "conv1" and "fc"; empty where several share the work
  std::vector<std::string> names;      // of the classes, if it has them
  std::string licence;
};

// Throws IoError for what timm did not write, or what this version cannot follow: a network changed
// by model_args, pictures that are not square, a crop that is not from the middle.
TimmConfig read_timm_config(const std::filesystem::path& path);

}  // namespace fovea::hub
