#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "fovea/core/random.h"
#include "fovea/data/source.h"

namespace fovea::data {

// 0 .. n-1 in random order (Fisher-Yates), the same for equal keys.
std::vector<int64_t> permutation(int64_t n, Key key);

// Two disjoint sets of indices, each in ascending order.
struct Split {
  std::vector<int64_t> train, val;
};

// Puts round(n * share) samples aside for validation. With `stratified` every class gives its
// share, as evenly as whole samples allow. Throws unless 0 < share < 1 leaves samples on both
// sides.
struct SplitOptions {
  double share = 0.1;
  bool stratified = true;
};
Split split(const Dataset& dataset, Key key, const SplitOptions& options = {});

// k splits whose validation parts are disjoint, cover the dataset and differ by at most one sample
// in size (per class when stratified): k-fold cross-validation. Throws unless 2 <= k <= size.
std::vector<Split> k_folds(const Dataset& dataset, int k, Key key, bool stratified = true);

// A source whose training split gave up a share for validation; the test split is not touched. What
// is learnt from data (means, class weights) comes from the smaller training split alone. Throws
// when the source has a validation split or no training split.
Source with_validation(const Source& source, Key key, const SplitOptions& options = {});

// A source whose validation split is one of k folds of its training split, numbered from 1; the
// rest trains. A validation split that was there before is left out.
struct Fold {
  int number = 1, of = 2;
};
Source with_fold(const Source& source, Key key, const Fold& fold);

}  // namespace fovea::data
