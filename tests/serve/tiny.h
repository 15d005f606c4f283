#pragma once

#include <string>
#include <vector>

#include "fovea/models/model_file.h"
#include "fovea/nn/init.h"

// A small random network, and pictures for it.
namespace fovea::test {

inline models::Model tiny_model() {
  models::Model m;
  m.architecture = {
      .name = "layers",
      .input = {8, 8, 3},
      .classes = 6,
      .layers = {
          {"conv", {{"out", "8"}, {"kernel", "3"}, {"act", "relu"}}},
          {"flatten", {}},
          {"linear", {{"out", "6"}}}}};
  m.net = models::build(m.architecture);
  nn::initialize(*m.net, Key(5));
  m.preprocess.resize = data::Preprocess::Resize::stretch;
  m.preprocess.height = m.preprocess.width = 8;
  m.classes = {"ant", "bee", "cat", "dog", "elk", "f\xffx"};  // the last is not UTF-8
  return m;
}

// A PPM file of random pixels.
inline std::string picture_file(uint64_t seed, int height = 10, int width = 9) {
  std::string text = "P6\n" + std::to_string(width) + " " + std::to_string(height) + "\n255\n";
  uint64_t x = seed * 2654435761u + 12345;
  for (int i = 0; i < 3 * height * width; ++i) {
    x = x * 6364136223846793005u + 1442695040888963407u;
    text += char(x >> 56);
  }
  return text;
}

inline image::Image picture(uint64_t seed) {
  const std::string file = picture_file(seed);
  return image::decode({reinterpret_cast<const uint8_t*>(file.data()), file.size()});
}

}  // namespace fovea::test
