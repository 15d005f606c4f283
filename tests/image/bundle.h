#pragma once

#include <fstream>
#include <iterator>
#include <span>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "fovea/image/image.h"
#include "tests/support/test_data.h"

namespace fovea::image {

// One case of the files that scripts/fixtures/image_pillow.py writes.
struct Case {
  std::string name;
  std::vector<uint8_t> file;  // an encoded picture, where the case has one
  Image expected;
  std::vector<double> parameters;
};

inline std::vector<uint8_t> read_bytes(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) throw std::runtime_error("cannot open " + path.string());
  return std::vector<uint8_t>(std::istreambuf_iterator<char>(in), {});
}

inline std::vector<Case> read_bundle(const std::string& name) {
  std::ifstream in(test::fixture(name), std::ios::binary);
  if (!in) throw std::runtime_error("cannot open the fixture " + name);
  std::vector<Case> cases;
  auto read = [&in](std::span<uint8_t> bytes) {
    in.read(reinterpret_cast<char*>(bytes.data()), std::streamsize(bytes.size()));
  };
  for (std::string line; std::getline(in, line);) {
    std::istringstream words(line);
    Case c;
    size_t size = 0;
    int height = 0, width = 0, channels = 0;
    words >> c.name >> size >> height >> width >> channels;
    for (double v; words >> v;) c.parameters.push_back(v);
    c.file.resize(size);
    c.expected = Image(height, width, channels);
    read(c.file);
    read(c.expected.pixels);
    if (!in) throw std::runtime_error("the fixture " + name + " ends early");
    cases.push_back(std::move(c));
  }
  return cases;
}

// The largest difference of two pictures of one shape; 256 when the shapes differ.
inline int max_difference(const Image& a, const Image& b) {
  if (a.height != b.height || a.width != b.width || a.channels != b.channels) return 256;
  int most = 0;
  for (size_t i = 0; i < a.pixels.size(); ++i)
    most = std::max(most, std::abs(int(a.pixels[i]) - int(b.pixels[i])));
  return most;
}

}  // namespace fovea::image
