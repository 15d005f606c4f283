#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "fovea/core/random.h"
#include "fovea/data/dataset.h"

// Classes with few samples among others with many.
namespace fovea::data {

// Weights for the loss, one for each of `counts` samples. Both throw std::invalid_argument for a
// class without samples, naming it by its number.
//
// n / (C count): in a sum over all n samples each of the C classes weighs the same.
std::vector<double> balanced_weights(std::span<const int64_t> counts);

// (1 - beta) / (1 - beta^count), scaled to a mean of 1 over the classes: the inverse of the
// effective number of samples (Cui et al. 2019, "Class-balanced loss", section 4). beta in [0, 1):
// 0 gives equal weights, near 1 those of balanced_weights but for a factor.
std::vector<double> effective_weights(std::span<const int64_t> counts, double beta = 0.999);

// The samples of each class.
std::vector<std::vector<int64_t>> samples_by_class(const Dataset& dataset);

// `n` samples drawn with replacement, each with a probability proportional to 1 / (samples of its
// class): a class at random, among those that have samples, then one of it. The same for equal
// keys.
std::vector<int64_t> draw_balanced(
    std::span<const std::vector<int64_t>> by_class, int64_t n, Key key);

// "the largest class, cat with 950 samples, has 19 times those of the smallest, owl with 50", where
// it has at least `least` times as many; classes without samples are not looked at.
std::optional<std::string> imbalance(const Dataset& dataset, double least = 5);

}  // namespace fovea::data
