#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace fovea::formats {

// CRC-32C (Castagnoli): reflected polynomial 0x82f63b78, RFC 3720 appendix B.4.
uint32_t crc32c(std::span<const std::byte> bytes);

// The rotated and shifted form that TFRecord files store, so that a CRC of data that contains its
// own CRC stays meaningful.
uint32_t masked_crc32c(std::span<const std::byte> bytes);

}  // namespace fovea::formats
