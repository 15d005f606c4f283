#pragma once

#include <array>
#include <cstdint>

namespace fovea {

// Philox 4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011): 128
// random bits from a 128-bit counter and a 64-bit key.
std::array<uint32_t, 4> philox4x32(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key);

// A random stream named by 64 + 64 bits. Streams are derived, never advanced: the same
// (seed, epoch, sample, op) always gives the same numbers, whatever ran before and on any thread.
struct Key {
  uint64_t seed = 0;
  uint64_t stream = 0;

  Key() = default;
  explicit Key(uint64_t seed_, uint64_t stream_ = 0) : seed(seed_), stream(stream_) {}

  Key fold_in(uint64_t data) const;  // a new, independent stream

  // The i-th block of four 32-bit numbers of this stream.
  std::array<uint32_t, 4> block(uint64_t i) const;

  friend bool operator==(const Key&, const Key&) = default;
};

// Draws one number after another from a key; for host code such as shuffling and augmentation.
class Rng {
 public:
  explicit Rng(Key key) : key_(key) {}

  uint32_t next_u32();
  uint64_t below(uint64_t n);  // uniform in [0, n), without bias; n > 0
  double uniform();            // [0, 1)
  double uniform(double lo, double hi) { return lo + (hi - lo) * uniform(); }
  double normal();  // mean 0, variance 1 (Box-Muller)
  bool bernoulli(double p) { return uniform() < p; }

 private:
  Key key_;
  uint64_t index_ = 0;
  std::array<uint32_t, 4> buffer_{};
  int used_ = 4;
};

// u in [0, 1) with 24 bits, the way the kernels make floats.
inline float to_unit(uint32_t bits) { return float(bits >> 8) * 0x1.0p-24f; }

}  // namespace fovea
