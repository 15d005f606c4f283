#include "fovea/core/symmetric_eigen.h"

#include <algorithm>
#include <cmath>

#include <gtest/gtest.h>

#include "fovea/core/random.h"

namespace fovea {
namespace {

TEST(SymmetricEigen, SolvesAKnownMatrix) {
  auto e = symmetric_eigen(std::vector<double>{2, 1, 1, 2}, 2);
  EXPECT_NEAR(e.values[0], 3, 1e-14);
  EXPECT_NEAR(e.values[1], 1, 1e-14);
  for (int i : {0, 1}) EXPECT_NEAR(e.vectors[size_t(i)], std::sqrt(0.5), 1e-14);
}

TEST(SymmetricEigen, VectorsRebuildTheMatrix) {
  constexpr size_t size = 37;
  Rng rng{Key(5)};
  std::vector<double> a(size * size);
  for (size_t i = 0; i < size; ++i)
    for (size_t j = 0; j <= i; ++j) a[i * size + j] = a[j * size + i] = rng.normal();
  auto e = symmetric_eigen(a, int(size));
  for (size_t i = 0; i < size; ++i)
    for (size_t j = 0; j < size; ++j) {
      double sum = 0, dot = 0;
      for (size_t k = 0; k < size; ++k) {
        sum += e.values[k] * e.vectors[k * size + i] * e.vectors[k * size + j];
        dot += e.vectors[i * size + k] * e.vectors[j * size + k];
      }
      EXPECT_NEAR(sum, a[i * size + j], 1e-11);
      EXPECT_NEAR(dot, i == j, 1e-12);
    }
  EXPECT_TRUE(std::is_sorted(e.values.rbegin(), e.values.rend()));
  EXPECT_THROW(symmetric_eigen(a, 5), std::invalid_argument);
}

}  // namespace
}  // namespace fovea
