#include "fovea/core/one_thread.h"

#include <thread>

#include <gtest/gtest.h>

#include "fovea/core/device.h"

namespace fovea {
namespace {

TEST(OneThreadScope, HoldsForTheThreadThatMadeIt) {
  const int before = threads();
  set_threads(3);
  {
    OneThreadScope scope;
    EXPECT_EQ(threads(), 1);
    {
      OneThreadScope inside(false);
      EXPECT_EQ(threads(), 1);
    }
    EXPECT_EQ(threads(), 1);
    int elsewhere = 0;
    std::thread([&] { elsewhere = threads(); }).join();
    EXPECT_EQ(elsewhere, 3);
  }
  EXPECT_EQ(threads(), 3);
  OneThreadScope none(false);
  EXPECT_EQ(threads(), 3);
  set_threads(before);
}

}  // namespace
}  // namespace fovea
