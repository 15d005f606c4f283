#include "fovea/data/points.h"

#include <algorithm>
#include <cmath>

#include "fovea/core/errors.h"
#include "tests/support/check_op.h"
#include "tests/support/expect.h"
#include "tests/support/folder.h"

namespace fovea::data {
namespace {

using test::message_of;

class PointsTest : public test::FolderTest {};

TEST(Points, ToySetsHaveTheirShapes) {
  for (const std::string& name : toy_sets()) {
    const Points p = toy_points(name, {.count = 301, .classes = 4, .noise = 0.0});
    EXPECT_EQ(p.at.size(), 301u) << name;
    EXPECT_EQ(p.labels.size(), 301u);
    for (size_t c = 0; c < p.classes.size(); ++c)
      EXPECT_NEAR(
          double(std::ranges::count(p.labels, int(c))), 301.0 / double(p.classes.size()), 1);
  }
  for (const auto& [x, y] : toy_points("spiral", {.noise = 0.0}).at)
    EXPECT_LE(std::hypot(x, y), 1.001);
  const Points circles = toy_points("circles", {.noise = 0.0});
  for (size_t i = 0; i < circles.at.size(); ++i)
    EXPECT_NEAR(
        std::hypot(circles.at[i][0], circles.at[i][1]), circles.labels[i] == 0 ? 1 : 0.5, 1e-6);
  EXPECT_EQ(toy_points("moons").classes.size(), 2u);
  EXPECT_EQ(toy_points("spiral", {.classes = 5}).classes.size(), 5u);
}

TEST(Points, FollowTheKeyAndTheNoise) {
  EXPECT_EQ(toy_points("moons", {.key = Key(3)}).at, toy_points("moons", {.key = Key(3)}).at);
  EXPECT_NE(toy_points("moons", {.key = Key(3)}).at, toy_points("moons", {.key = Key(4)}).at);
  const Points exact = toy_points("moons", {.count = 4000, .noise = 0.0});
  const Points noisy = toy_points("moons", {.count = 4000, .noise = 0.5});
  double squares = 0;
  for (size_t i = 0; i < exact.at.size(); ++i)
    squares += std::pow(noisy.at[i][0] - exact.at[i][0], 2);
  EXPECT_NEAR(std::sqrt(squares / 4000), 0.5, 0.02);
}

TEST(Points, SayWhatIsWrong) {
  EXPECT_HAS(message_of([] { toy_points("moon"); }), "did you mean \"moons\"?");
  EXPECT_HAS(message_of([] { toy_points("spiral", {.classes = 1}); }), "two classes or more");
  EXPECT_HAS(message_of([] { toy_points("spiral", {.count = 2}); }), "a point of each");
}

TEST_F(PointsTest, AreReadFromLines) {
  write("p.csv", "x,y,class\n1,2.5,b\n -3 , 4e-1 ,a\r\n\n0,0,b\n");
  const Points p = read_points(path("p.csv"));
  ASSERT_EQ(p.at.size(), 3u);
  EXPECT_EQ(p.classes, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(p.labels, (std::vector<int>{1, 0, 1}));
  EXPECT_EQ(p.at[1][0], -3.f);
  EXPECT_EQ(p.at[1][1], 0.4f);
  write(
      "p.csv",
      "\xef\xbb\xbf"
      "1,2.5,b\n0,0,a\n");
  EXPECT_EQ(read_points(path("p.csv")).at.size(), 2u);
}

TEST_F(PointsTest, RefuseWhatIsNoPoint) {
  auto error = [&](const char* text) {
    write("p.csv", text);
    return message_of([&] { read_points(path("p.csv")); });
  };
  EXPECT_HAS(error("1,2,a\n1,two,b\n"), "line 2: expected x,y,class with two numbers");
  EXPECT_HAS(error("1,2,a\n1,2\n"), "line 2");
  EXPECT_HAS(error("1;2;a\n1,2,b\n"), "two classes or more, got 1");
  EXPECT_HAS(error("1,two,a\n1,2,b\n"), "line 1: expected x,y,class");
  EXPECT_HAS(error("1,2\n1,2,b\n"), "line 1");
  EXPECT_HAS(error("1,2,a\n1,nan,b\n"), "line 2");
  EXPECT_HAS(error("1,2,a\n1,2,b,c\n"), "line 2");
  EXPECT_HAS(error("1,2,a\n2,1,a\n"), "two classes or more, got 1");
  EXPECT_HAS(error(""), "two classes or more, got 0");
  EXPECT_THROW(read_points(path("none.csv")), IoError);
}

}  // namespace
}  // namespace fovea::data
