#pragma once

#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unistd.h>
#include <vector>

#include <gtest/gtest.h>

#include "fovea/core/errors.h"
#include "fovea/data/dataset.h"
#include "tests/support/test_data.h"

// Small sources on disk and in memory for the tests of fovea/data.
namespace fovea::data {

class FolderTest : public testing::Test {
 protected:
  void SetUp() override {
    const auto* info = testing::UnitTest::GetInstance()->current_test_info();
    folder_ = std::filesystem::path(testing::TempDir()) /
              ("fovea_data_" + std::to_string(::getpid()) + "_" + info->name());
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string path(const std::string& name = "") const { return (folder_ / name).string(); }

  void write(const std::string& name, std::string_view text) const {
    std::filesystem::create_directories((folder_ / name).parent_path());
    std::ofstream(folder_ / name, std::ios::binary) << text;
  }

  // A picture of one colour, in a format that needs no encoder.
  void write_ppm(
      const std::string& name, uint8_t r, uint8_t g, uint8_t b, int h = 2, int w = 2) const {
    std::string text = "P6\n" + std::to_string(w) + " " + std::to_string(h) + "\n255\n";
    for (int i = 0; i < h * w; ++i) text += {char(r), char(g), char(b)};
    write(name, text);
  }

  std::filesystem::path folder_;
};

inline std::string read_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// n pictures of height x width x channels whose bytes count up from 31 * i, labels i % classes.
inline DatasetPtr counting_dataset(int n, int height, int width, int channels, int classes) {
  Pixels pixels{.height = height, .width = width, .channels = channels};
  std::vector<int> labels;
  std::vector<std::string> names;
  for (int c = 0; c < classes; ++c) names.push_back("class " + std::to_string(c));
  for (int i = 0; i < n; ++i) {
    labels.push_back(i % classes);
    for (int p = 0; p < height * width * channels; ++p) pixels.bytes.push_back(uint8_t(31 * i + p));
  }
  return make_pixel_dataset("counting", names, std::move(pixels), std::move(labels));
}

// The message of the E that `run` throws; empty when it throws none.
template <class E, class F>
std::string message_of(F run) {
  try {
    run();
  } catch (const E& error) {
    return error.what();
  }
  return "";
}

}  // namespace fovea::data

// Checks that a message says something.
#define EXPECT_HAS(message, part) EXPECT_PRED_FORMAT2(testing::IsSubstring, part, message)
