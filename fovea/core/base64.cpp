#include "fovea/core/base64.h"

#include <cstdint>
#include <stdexcept>

#include <fmt/format.h>

namespace fovea {

namespace {

constexpr std::string_view digits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

}  // namespace

std::string base64(std::span<const std::byte> bytes) {
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (size_t at = 0; at < bytes.size(); at += 3) {
    size_t count = bytes.size() - at < 3 ? bytes.size() - at : 3;
    uint32_t group = 0;
    for (size_t i = 0; i < 3; ++i) group = group << 8 | (i < count ? uint32_t(bytes[at + i]) : 0);
    for (size_t i = 0; i < 4; ++i) out += i <= count ? digits[group >> (18 - 6 * i) & 63] : '=';
  }
  return out;
}

std::string from_base64(std::string_view text) {
  std::string out;
  out.reserve(text.size() / 4 * 3);
  for (size_t at = 0; at < text.size(); at += 4) {
    const std::string_view group = text.substr(at, 4);
    const size_t padding = at + 4 < text.size()    ? 0
                           : group.ends_with("==") ? 2
                                                   : group.ends_with('=');
    uint32_t bits = 0;
    for (size_t i = 0; i + padding < 4; ++i) {
      const size_t digit = i < group.size() ? digits.find(group[i]) : digits.npos;
      if (digit == digits.npos)
        throw std::invalid_argument(fmt::format("[base64] position {}: not base64", at + i));
      bits |= uint32_t(digit) << (18 - 6 * i);
    }
    if (padding > 0 && (bits & ((1U << 8 * padding) - 1)) != 0)
      throw std::invalid_argument("[base64] bits are left over at the end");
    for (size_t i = 0; i + padding < 3; ++i) out += char(bits >> (16 - 8 * i) & 0xff);
  }
  return out;
}

}  // namespace fovea
