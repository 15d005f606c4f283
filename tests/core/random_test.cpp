#include "fovea/core/random.h"

#include <cmath>
#include <set>

#include <gtest/gtest.h>

namespace fovea {
namespace {

using Block = std::array<uint32_t, 4>;

// Answers of Random123 1.14.0's philox4x32 with 10 rounds; the last counter and key are digits of
// pi.
TEST(Philox, GivesTheKnownAnswers) {
  EXPECT_EQ(
      philox4x32({0, 0, 0, 0}, {0, 0}), (Block{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(
      philox4x32({~0u, ~0u, ~0u, ~0u}, {~0u, ~0u}),
      (Block{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(
      philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
      (Block{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Key, CountsBlocksInTheLowHalfOfTheCounter) {
  Key key(0x299f31d0a4093822, 0x0370734413198a2e);
  EXPECT_EQ(key.block(0x85a308d3243f6a88), (Block{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Key, DerivesDistinctStreams) {
  std::set<uint64_t> streams;
  Key key(1);
  for (uint64_t i = 0; i < 1000; ++i) {
    EXPECT_EQ(key.fold_in(i), key.fold_in(i));
    streams.insert(key.fold_in(i).stream);
    streams.insert(key.fold_in(7).fold_in(i).stream);
  }
  EXPECT_EQ(streams.size(), 2000u);
  EXPECT_NE(key.fold_in(1).fold_in(2).stream, key.fold_in(2).fold_in(1).stream);
  EXPECT_NE(Key(1).fold_in(0).stream, Key(2).fold_in(0).stream);
}

TEST(Rng, DependsOnItsKeyAlone) {
  Rng a(Key(5)), b(Key(5)), c(Key(6));
  bool differ = false;
  for (int i = 0; i < 100; ++i) {
    uint32_t x = a.next_u32();
    EXPECT_EQ(x, b.next_u32());
    differ |= x != c.next_u32();
  }
  EXPECT_TRUE(differ);
  auto block = Key(5).block(0);
  Rng again(Key(5));
  for (uint32_t word : block) EXPECT_EQ(again.next_u32(), word);
}

TEST(Rng, BelowIsUniform) {
  Rng rng(Key(7));
  int counts[5] = {};
  for (int i = 0; i < 50000; ++i) ++counts[rng.below(5)];
  for (int count : counts) EXPECT_NEAR(count, 10000, 5 * std::sqrt(50000 * 0.2 * 0.8));
  for (int i = 0; i < 100; ++i) EXPECT_EQ(rng.below(1), 0u);
}

TEST(Rng, HasTheMomentsItShould) {
  Rng rng(Key(8));
  const int n = 100000;
  double u = 0, u2 = 0, z = 0, z2 = 0;
  int heads = 0;
  for (int i = 0; i < n; ++i) {
    double x = rng.uniform(), y = rng.normal();
    ASSERT_TRUE(x >= 0 && x < 1);
    u += x / n;
    u2 += x * x / n;
    z += y / n;
    z2 += y * y / n;
    heads += rng.bernoulli(0.3);
  }
  EXPECT_NEAR(u, 0.5, 5 * std::sqrt(1.0 / 12 / n));
  EXPECT_NEAR(u2, 1.0 / 3, 0.01);
  EXPECT_NEAR(z, 0, 5 / std::sqrt(n));
  EXPECT_NEAR(z2, 1, 5 * std::sqrt(2.0 / n));
  EXPECT_NEAR(double(heads) / n, 0.3, 5 * std::sqrt(0.21 / n));
}

TEST(ToUnit, CoversTheUnitInterval) {
  EXPECT_EQ(to_unit(0), 0);
  EXPECT_EQ(to_unit(~0u), 1 - 0x1p-24f);
  EXPECT_EQ(to_unit(0x80000000u), 0.5f);
}

}  // namespace
}  // namespace fovea
