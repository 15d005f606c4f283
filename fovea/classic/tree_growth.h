#pragma once

#include <vector>

#include "fovea/classic/fitted.h"

namespace fovea::classic {

// A decision tree as DecisionTree keeps it.
struct GrownTree {
  std::vector<int32_t> feature;          // 2^depth - 1
  std::vector<float> threshold, leaves;  // 2^depth - 1, 2^depth * classes
};

// Grows a tree of at most `depth` questions with at least `least` examples in a leaf. Every column
// is sorted once; each level then looks once at each value, whatever its nodes are. About
// (4 + depth) N D steps and 4 N D bytes beside the examples; each level reads those bytes once, and
// columns are looked at in parallel. The result is the same for any number of threads.
GrownTree grow_tree(const Examples& e, int depth, int64_t least);

}  // namespace fovea::classic
