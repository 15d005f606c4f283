#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "fovea/core/tensor.h"
#include "fovea/ops/loss.h"

// Hierarchical softmax: classes as leaves of a binary tree with a logistic decision at each inner
// node, so that the probability of a class takes the decisions of one path instead of the scores of
// all classes (Morin and Bengio 2005; with Huffman's tree Mikolov et al. 2013).
namespace fovea {

class LabelTree {
 public:
  // Huffman's tree: the more frequent a class, the shorter its path; equal frequencies give a tree
  // of nearly equal paths. At least two, each above 0 or equal to it, and finite.
  explicit LabelTree(std::span<const double> frequencies);
  explicit LabelTree(int64_t classes);  // all equally frequent

  int64_t classes() const { return int64_t(paths_.size()); }
  int64_t nodes() const { return classes() - 1; }  // inner ones; 0 is the root
  int64_t depth() const;                           // of the longest path

  // Decisions from the root to a class.
  struct Turn {
    int32_t node = 0;
    bool right = false;  // taken with probability sigmoid(score of the node)
  };
  const std::vector<Turn>& path(int64_t label) const { return paths_[size_t(label)]; }

  // The paths of all classes as (classes, depth()), the ends of shorter ones padded: i32 nodes, and
  // f32 turns, 1 to the right, -1 to the left, 0 for padding.
  struct Paths {
    Tensor nodes, turns;
  };
  const Paths& paths() const { return padded_; }

 private:
  std::vector<std::vector<Turn>> paths_;
  Paths padded_;
};

// The logarithms of the probabilities of all classes: scores (..., nodes) -> (..., classes). Their
// exponentials add up to 1, so they are their own log_softmax. Takes classes * depth() operations
// and as many numbers of memory a sample.
Tensor tree_log_softmax(const Tensor& scores, const LabelTree& tree);

// -log p of the labels (N), from the nodes on their paths alone: scores (N, nodes).
Tensor tree_cross_entropy(
    const Tensor& scores,
    const Tensor& labels,
    const LabelTree& tree,
    Reduction r = Reduction::mean);

// The same where the scores are x W^T + b, x (N, F), W (nodes, F), b (nodes): of W and b only the
// rows on the paths are read, depth() for each sample, which is the point where classes are many.
Tensor tree_cross_entropy(
    const Tensor& x,
    const Tensor& weight,
    const Tensor& bias,
    const Tensor& labels,
    const LabelTree& tree,
    Reduction r = Reduction::mean);

}  // namespace fovea
