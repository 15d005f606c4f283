#include "fovea/core/shape.h"

#include <gtest/gtest.h>

#include "tests/support/check_op.h"

namespace fovea {
namespace {

using test::message_of;

TEST(Shape, HoldsExtents) {
  Shape s{2, 3, 4};
  EXPECT_EQ(s.rank(), 3);
  EXPECT_EQ(s.numel(), 24);
  EXPECT_EQ(s.str(), "(2, 3, 4)");
  EXPECT_EQ(s.strides()[0], 12);
  EXPECT_EQ(s.strides()[2], 1);
  EXPECT_EQ(Shape{}.numel(), 1);
  EXPECT_EQ(Shape{}.str(), "()");
  EXPECT_EQ((Shape{3, 0, 2}).numel(), 0);
  EXPECT_TRUE((Shape{2, 3}) == (Shape{2, 3}));
  EXPECT_FALSE((Shape{2, 3}) == (Shape{2, 3, 1}));
}

TEST(Shape, CountsNegativeAxesFromTheEnd) {
  Shape s{2, 3, 4};
  EXPECT_EQ(s.dim(-1), 4);
  EXPECT_EQ(s.dim(-3), 2);
  EXPECT_EQ(s.normalize(-2), 1);
  EXPECT_EQ(s.without(-1).str(), "(2, 3)");
  EXPECT_EQ(s.with(-2, 7).str(), "(2, 7, 4)");
  EXPECT_EQ(message_of([&] { s.dim(3); }), "axis 3 is out of range for shape (2, 3, 4)");
  EXPECT_EQ(message_of([&] { s.dim(-4); }), "axis -4 is out of range for shape (2, 3, 4)");
  EXPECT_EQ(message_of([] { Shape{}.back(); }), "axis -1 is out of range for shape ()");
}

TEST(Shape, RefusesWhatCannotBe) {
  EXPECT_EQ(message_of([] { Shape{2, -1}; }), "a shape cannot have the negative extent -1");
  EXPECT_EQ(message_of([] { Shape{1, 1, 1, 1, 1, 1, 1, 1, 1}; }), "a shape has at most 8 axes");
}

TEST(Shape, BroadcastsAsNumPy) {
  struct Case {
    Shape a, b, expected;
  };
  const Case cases[] = {
      {{3}, {3}, {3}},
      {{}, {2, 3}, {2, 3}},
      {{4, 1}, {3}, {4, 3}},
      {{2, 1, 5}, {7, 1}, {2, 7, 5}},
      {{1}, {0}, {0}},
      {{2, 0}, {1, 1}, {2, 0}},
      {{8, 1, 6, 1}, {7, 1, 5}, {8, 7, 6, 5}},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(broadcast(c.a, c.b, "add").str(), c.expected.str());
    EXPECT_EQ(broadcast(c.b, c.a, "add").str(), c.expected.str());
  }
  EXPECT_EQ(
      message_of([] {
        broadcast({2, 3}, {4, 3}, "add");
      }),
      "[add] expected shapes that broadcast together, got (2, 3) and (4, 3): they differ at axis "
      "0");
  EXPECT_THROW(broadcast({0}, {3}, "add"), std::invalid_argument);
}

}  // namespace
}  // namespace fovea
