#include "fovea/core/numbers.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace fovea {

double mean_of(std::span<const double> v) {
  return v.empty() ? NAN : std::accumulate(v.begin(), v.end(), 0.0) / double(v.size());
}

double squares_of(std::span<const double> v) {
  const double mean = mean_of(v);
  double sum = 0;
  for (double x : v) sum += (x - mean) * (x - mean);
  return sum;
}

double deviation_of(std::span<const double> v) {
  return v.size() < 2 ? NAN : std::sqrt(squares_of(v) / double(v.size() - 1));
}

double median_of(std::vector<double> v) {
  if (v.empty()) return 0;
  std::ranges::sort(v);
  return (v[(v.size() - 1) / 2] + v[v.size() / 2]) / 2;
}

}  // namespace fovea
