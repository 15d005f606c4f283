#include "fovea/graph/memory_plan.h"

#include <algorithm>
#include <random>

#include <gtest/gtest.h>

namespace fovea::graph {
namespace {

// The most bytes that exist at one step: no arena can be smaller.
size_t most_at_once(const std::vector<Lifetime>& buffers) {
  size_t most = 0;
  for (const Lifetime& at : buffers) {
    size_t sum = 0;
    for (const Lifetime& b : buffers)
      if (b.first <= at.first && at.first <= b.last) sum += b.bytes;
    most = std::max(most, sum);
  }
  return most;
}

void expect_apart(const std::vector<Lifetime>& buffers, const MemoryPlan& plan) {
  for (size_t i = 0; i < buffers.size(); ++i) {
    EXPECT_EQ(plan.offsets[i] % 64, 0u);
    EXPECT_LE(plan.offsets[i] + buffers[i].bytes, plan.bytes);
    for (size_t j = 0; j < i; ++j) {
      const bool together =
          buffers[i].first <= buffers[j].last && buffers[j].first <= buffers[i].last;
      const bool overlap = plan.offsets[i] < plan.offsets[j] + buffers[j].bytes &&
                           plan.offsets[j] < plan.offsets[i] + buffers[i].bytes;
      EXPECT_FALSE(together && overlap) << i << " and " << j;
    }
  }
}

TEST(MemoryPlan, AChainNeedsTwoBuffers) {
  std::vector<Lifetime> chain;
  for (int i = 0; i < 10; ++i) chain.push_back({640, i, i + 1});
  const MemoryPlan plan = place_buffers(chain);
  expect_apart(chain, plan);
  EXPECT_EQ(plan.bytes, 1280u);
}

TEST(MemoryPlan, NoBuffersNeedNoMemory) { EXPECT_EQ(place_buffers({}).bytes, 0u); }

TEST(MemoryPlan, WhatExistsTogetherNeverOverlaps) {
  std::mt19937 random(1);
  auto below = [&](unsigned n) { return int(random() % n); };
  for (int round = 0; round < 50; ++round) {
    std::vector<Lifetime> buffers;
    for (int i = 0; i < 40; ++i) {
      const int first = below(30);
      buffers.push_back({size_t(64 * (1 + below(50))), first, first + below(8)});
    }
    const MemoryPlan plan = place_buffers(buffers);
    expect_apart(buffers, plan);
    EXPECT_LE(plan.bytes, most_at_once(buffers) * 3 / 2);
  }
}

}  // namespace
}  // namespace fovea::graph
