#include "fovea/formats/crc32c.h"

#include <array>

namespace fovea::formats {

namespace {

constexpr std::array<uint32_t, 256> table = [] {
  std::array<uint32_t, 256> t{};
  for (uint32_t byte = 0; byte < 256; ++byte) {
    uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ (crc & 1 ? 0x82f63b78u : 0);
    t[byte] = crc;
  }
  return t;
}();

}  // namespace

uint32_t crc32c(std::span<const std::byte> bytes) {
  uint32_t crc = ~0u;
  for (std::byte b : bytes) crc = table[(crc ^ uint32_t(b)) & 255] ^ (crc >> 8);
  return ~crc;
}

uint32_t masked_crc32c(std::span<const std::byte> bytes) {
  uint32_t crc = crc32c(bytes);
  return ((crc >> 15) | (crc << 17)) + 0xa282ead8u;
}

}  // namespace fovea::formats
