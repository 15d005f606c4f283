#pragma once

#include <span>
#include <vector>

namespace fovea {

double mean_of(std::span<const double> v);       // NaN of none
double squares_of(std::span<const double> v);    // sum of the squared distances from the mean
double deviation_of(std::span<const double> v);  // from the mean, by n - 1; NaN of fewer than two
double median_of(std::vector<double> v);         // between the middle two; 0 of none

}  // namespace fovea
