#include "fovea/core/random.h"

#include <cmath>
#include <numbers>

#include "fovea/core/errors.h"

namespace fovea {

std::array<uint32_t, 4> philox4x32(std::array<uint32_t, 4> c, std::array<uint32_t, 2> k) {
  for (int round = 0; round < 10; ++round) {
    uint64_t p0 = uint64_t(0xD2511F53u) * c[0], p1 = uint64_t(0xCD9E8D57u) * c[2];
    c = {
        uint32_t(p1 >> 32) ^ c[1] ^ k[0],
        uint32_t(p1),
        uint32_t(p0 >> 32) ^ c[3] ^ k[1],
        uint32_t(p0)};
    k[0] += 0x9E3779B9u;
    k[1] += 0xBB67AE85u;
  }
  return c;
}

std::array<uint32_t, 4> Key::block(uint64_t i) const {
  return philox4x32(
      {uint32_t(i), uint32_t(i >> 32), uint32_t(stream), uint32_t(stream >> 32)},
      {uint32_t(seed), uint32_t(seed >> 32)});
}

Key Key::fold_in(uint64_t data) const {
  // The tag keeps derivation apart from the blocks that the stream itself yields.
  constexpr uint32_t tag = 0x666f7665;
  auto a = philox4x32(
      {uint32_t(data), uint32_t(data >> 32), uint32_t(stream), uint32_t(stream >> 32)},
      {uint32_t(seed) ^ tag, uint32_t(seed >> 32)});
  return Key(seed, uint64_t(a[0]) << 32 | a[1]);
}

uint32_t Rng::next_u32() {
  if (used_ == 4) {
    buffer_ = key_.block(index_++);
    used_ = 0;
  }
  return buffer_[used_++];
}

uint64_t Rng::below(uint64_t n) {
  FOVEA_ASSERT(n > 0);
  uint64_t limit = UINT64_MAX - UINT64_MAX % n;  // reject the uneven tail
  for (;;) {
    uint64_t high = next_u32(), value = high << 32 | next_u32();
    if (value < limit) return value % n;
  }
}

double Rng::uniform() {
  uint64_t high = next_u32() >> 5, low = next_u32() >> 6;
  return double(high * 67108864 + low) * 0x1.0p-53;
}

double Rng::normal() {
  double u = 1.0 - uniform(), v = uniform();  // u in (0, 1]
  return std::sqrt(-2.0 * std::log(u)) * std::cos(2.0 * std::numbers::pi * v);
}

}  // namespace fovea
