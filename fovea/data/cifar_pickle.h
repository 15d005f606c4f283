#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace fovea::data {

// Some pictures of the Python version of CIFAR.
struct CifarBatch {
  std::vector<int> labels;
  std::vector<uint8_t> planes;  // (n, 3, 32, 32)
};

// A batch file of the Python version: a pickled dict of "data", an array u8 (n, 3072), and labels
// under `label_key`. Read without running anything in it. Throws IoError for any other file;
// `name` stands for the path.
CifarBatch parse_cifar_pickle(
    std::span<const uint8_t> file, const std::string& name, std::string_view label_key);

// The class names of its meta file, under `key`.
std::vector<std::string> parse_cifar_names(
    std::span<const uint8_t> file, const std::string& name, std::string_view key);

}  // namespace fovea::data
