#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace fovea {

// Bytes as text of 64 characters (RFC 4648, section 4), padded by "=" to whole groups of four.
std::string base64(std::span<const std::byte> bytes);

// The bytes back. Throws std::invalid_argument for text that base64() does not give.
std::string from_base64(std::string_view text);

}  // namespace fovea
