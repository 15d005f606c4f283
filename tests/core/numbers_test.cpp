#include "fovea/core/numbers.h"

#include <cmath>

#include <gtest/gtest.h>

#include "fovea/core/number_list.h"

namespace fovea {
namespace {

TEST(Numbers, MeanDeviationAndMedian) {
  const std::vector<double> v{7, 1, 2, 4};
  EXPECT_EQ(mean_of(v), 3.5);
  EXPECT_EQ(squares_of(v), 21);
  EXPECT_EQ(deviation_of(v), std::sqrt(7));
  EXPECT_EQ(median_of(v), 3);
  EXPECT_EQ(median_of({5, 1, 2}), 2);
  EXPECT_EQ(median_of({}), 0);
  EXPECT_TRUE(std::isnan(mean_of({})));
  EXPECT_TRUE(std::isnan(deviation_of(std::vector<double>{1})));
}

TEST(Numbers, AWholeTextIsOneNumber) {
  EXPECT_EQ(parse_number<double>("1e-3"), 1e-3);
  EXPECT_EQ(parse_number<int64_t>("-12"), -12);
  for (const char* text : {"", "1.5x", " 1", "1,2"})
    EXPECT_FALSE(parse_number<double>(text)) << text;
  EXPECT_FALSE(parse_number<int64_t>("1.5"));
}

}  // namespace
}  // namespace fovea
