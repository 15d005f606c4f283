// Feeds a description and, behind its first zero byte, weights to the reader of Caffe's networks,
// which must give a network or an IoError; making a module of it may only throw
// std::invalid_argument.

#include <algorithm>
#include <stdexcept>

#include "fovea/core/errors.h"
#include "fovea/models/graph_net.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view all(reinterpret_cast<const char*>(data), size);
  const size_t end = std::min(all.find('\0'), size);
  const auto weights = std::as_bytes(std::span(data, size)).subspan(std::min(end + 1, size));
  try {
    fovea::models::build_graph(fovea::formats::parse_caffe(all.substr(0, end), weights, "fuzz"));
  } catch (const fovea::IoError&) {
  } catch (const std::invalid_argument&) {
  }
  return 0;
}
