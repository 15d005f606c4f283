#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace fovea::data {

// FNV-1a with 64 bits (Fowler, Noll, Vo): for fingerprints, not against an adversary.
class Fnv1a {
 public:
  void add(std::span<const std::byte> bytes) {
    for (std::byte b : bytes) value_ = (value_ ^ uint64_t(b)) * 0x100000001b3u;
  }
  // The length goes in as well, so that ("ab", "c") and ("a", "bc") differ.
  void add(std::string_view text) {
    add(text.size());
    add(std::as_bytes(std::span(text)));
  }
  void add(uint64_t number) {
    for (int i = 0; i < 8; ++i) value_ = (value_ ^ (number >> (8 * i) & 0xff)) * 0x100000001b3u;
  }
  uint64_t value() const { return value_; }

 private:
  uint64_t value_ = 0xcbf29ce484222325u;
};

}  // namespace fovea::data
