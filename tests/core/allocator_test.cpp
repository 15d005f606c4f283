#include "fovea/core/allocator.h"

#include <cstring>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace fovea {
namespace {

TEST(Allocator, ReusesReleasedBlocks) {
  Allocator a;
  void* first = a.allocate(1000);
  a.release(first, 1000);
  void* second = a.allocate(1020);  // of the same size class
  EXPECT_EQ(first, second);
  EXPECT_EQ(a.stats().system_allocations, 1);
  EXPECT_EQ(a.stats().requests, 2);
  void* third = a.allocate(1000);
  EXPECT_NE(third, second);
  a.release(second, 1020);
  a.release(third, 1000);
}

TEST(Allocator, AlignsAndWastesAnEighthAtMost) {
  Allocator a;
  for (size_t size : {1, 63, 64, 65, 513, 1000, 4097, 100000, 3 << 20}) {
    int64_t before = a.stats().live;
    void* block = a.allocate(size);
    EXPECT_EQ(uintptr_t(block) % 64, 0u);
    std::memset(block, 1, size);
    int64_t took = a.stats().live - before;
    EXPECT_GE(took, int64_t(size));
    EXPECT_LE(took, int64_t(size + std::max<size_t>(size / 8, 64)));
    a.release(block, size);
  }
}

TEST(Allocator, CountsLivePeakAndCached) {
  Allocator a;
  void* x = a.allocate(4096);
  void* y = a.allocate(8192);
  EXPECT_EQ(a.stats().live, 12288);
  a.release(x, 4096);
  EXPECT_EQ(a.stats().live, 8192);
  EXPECT_EQ(a.stats().cached, 4096);
  EXPECT_EQ(a.stats().peak, 12288);
  a.reset_peak();
  EXPECT_EQ(a.stats().peak, 8192);
  a.release(y, 8192);
  a.trim();
  EXPECT_EQ(a.stats().cached, 0);
  EXPECT_EQ(a.stats().live, 0);
}

TEST(Allocator, DropsCachedBlocksToStayBelowTheLimit) {
  Allocator a;
  a.set_limit(16384);
  void* x = a.allocate(8192);
  void* y = a.allocate(4096);
  a.release(x, 8192);
  a.release(y, 4096);
  EXPECT_EQ(a.stats().cached, 12288);
  void* z = a.allocate(10240);  // needs room: the largest cached block goes first
  EXPECT_EQ(a.stats().cached, 4096);
  a.set_limit(1);
  EXPECT_EQ(a.stats().cached, 0);
  EXPECT_EQ(a.stats().live, 10240);  // what is in use stays
  a.release(z, 10240);
}

TEST(Allocator, ServesManyThreads) {
  Allocator a;
  std::vector<std::thread> team;
  for (int t = 0; t < 4; ++t)
    team.emplace_back([&a, t] {
      for (int i = 0; i < 2000; ++i) {
        size_t size = size_t(64 + (i * 37 + t * 11) % 5000);
        auto* block = static_cast<unsigned char*>(a.allocate(size));
        std::memset(block, t, size);
        for (size_t k = 0; k < size; k += 61) ASSERT_EQ(block[k], t);
        a.release(block, size);
      }
    });
  for (auto& thread : team) thread.join();
  EXPECT_EQ(a.stats().live, 0);
  EXPECT_EQ(a.stats().requests, 8000);
}

}  // namespace
}  // namespace fovea
