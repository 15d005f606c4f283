#include "fovea/ops/label_tree.h"

#include <cmath>
#include <set>

#include <gtest/gtest.h>

#include "fovea/core/allocator.h"
#include "fovea/ops/elementwise.h"
#include "fovea/ops/matmul.h"
#include "fovea/ops/softmax.h"
#include "tests/support/check_op.h"
#include "tests/support/expect.h"

namespace fovea {
namespace {

using test::check_op;
using test::int_input;
using test::message_of;
using test::random_input;

std::vector<size_t> lengths(const LabelTree& tree) {
  std::vector<size_t> all;
  for (int64_t c = 0; c < tree.classes(); ++c) all.push_back(tree.path(c).size());
  return all;
}

// Huffman's tree of 45 13 12 16 9 5 has codes of 1 3 3 3 4 4 bits (Cormen et al., section 15.3).
TEST(LabelTree, IsHuffmansWherePathsFollowFrequencies) {
  EXPECT_EQ(
      lengths(LabelTree(std::vector<double>{45, 13, 12, 16, 9, 5})),
      (std::vector<size_t>{1, 3, 3, 3, 4, 4}));
  EXPECT_EQ(lengths(LabelTree(8)), std::vector<size_t>(8, 3));
  EXPECT_EQ(LabelTree(1000).depth(), 10);
  EXPECT_EQ(lengths(LabelTree(2)), (std::vector<size_t>{1, 1}));
}

TEST(LabelTree, PathsBeginAtTheRootAndNoTwoAreTheSame) {
  const LabelTree tree(std::vector<double>{3, 0, 7, 1, 1, 9, 2});
  std::set<std::vector<int>> seen;
  double kraft = 0;
  for (int64_t c = 0; c < 7; ++c) {
    std::vector<int> turns;
    for (const auto& t : tree.path(c)) turns.push_back(2 * t.node + t.right);
    EXPECT_EQ(turns[0] / 2, 0);
    EXPECT_TRUE(seen.insert(turns).second);
    kraft += std::pow(0.5, double(turns.size()));
  }
  EXPECT_EQ(kraft, 1);  // every node has two children
  EXPECT_HAS(message_of([] { LabelTree(1); }), "expected at least two classes, got 1");
  EXPECT_HAS(
      message_of([] {
        LabelTree(std::vector<double>{1, -1});
      }),
      "expected frequencies of at least 0, got -1");
}

TEST(TreeSoftmax, ProbabilitiesAddUpToOneAndFollowThePaths) {  // LOS-10
  const LabelTree tree(std::vector<double>{45, 13, 12, 16, 9, 5});
  const Tensor f = random_input({4, 5}, 1, -30, 30);
  const Tensor log_p = tree_log_softmax(f, tree);
  const auto values = log_p.to_vector(), scores = f.to_vector();
  for (size_t n = 0; n < 4; ++n) {
    double total = 0;
    for (size_t c = 0; c < 6; ++c) {
      total += std::exp(double(values[n * 6 + c]));
      double expected = 0;
      for (const auto& t : tree.path(int64_t(c))) {
        const double s = scores[n * 5 + size_t(t.node)];
        expected -= std::log1p(std::exp(t.right ? -s : s));
      }
      EXPECT_NEAR(values[n * 6 + c], expected, 1e-4);
    }
    EXPECT_NEAR(total, 1, 1e-5);
  }
  EXPECT_LT(test::relative_error(log_softmax(log_p), log_p), 1e-6);
  check_op(
      {.name = "tree_log_softmax",
       .f = [&](auto in) { return std::vector<Tensor>{tree_log_softmax(in[0], tree)}; },
       .inputs = {random_input({3, 2, 5}, 2)},
       .second = true});
}

// A table of classes by nodes would take 67 MB in f32; the paths have 2048 * 11 turns.
TEST(TreeSoftmax, NeedsMemoryForThePathsAlone) {
  const LabelTree tree(2048);
  const Tensor f = random_input({1, 2047}, 1).eval();
  const int64_t before = host_allocator().stats().live;
  host_allocator().reset_peak();
  tree_log_softmax(f, tree).eval();
  EXPECT_LT(host_allocator().stats().peak - before, 1 << 20);
}

TEST(TreeSoftmax, LossesReadThePathsAlone) {
  const LabelTree tree(std::vector<double>{45, 13, 12, 16, 9, 5});
  const Tensor x = random_input({7, 3}, 1), w = random_input({5, 3}, 2), b = random_input({5}, 3);
  const Tensor labels = int_input({7}, 4, 0, 6);
  const Tensor f = linear(x, w, b);
  for (Reduction r : {Reduction::none, Reduction::sum, Reduction::mean}) {
    const Tensor expected = cross_entropy(tree_log_softmax(f, tree), labels, {.reduction = r});
    EXPECT_LT(test::relative_error(tree_cross_entropy(f, labels, tree, r), expected), 1e-5);
    EXPECT_LT(test::relative_error(tree_cross_entropy(x, w, b, labels, tree, r), expected), 1e-5);
  }
  check_op(
      {.name = "tree_cross_entropy",
       .f =
           [&](auto in) {
             return std::vector<Tensor>{
                 tree_cross_entropy(in[0], in[3], tree, Reduction::none),
                 tree_cross_entropy(in[1], in[2], in[4], in[3], tree)};
           },
       .inputs = {f.eval(), x, w, labels, b},
       .second = true});
  EXPECT_HAS(
      message_of([&] { tree_cross_entropy(x, labels, tree); }),
      "[tree_cross_entropy] expected scores (..., 5) of the nodes of a tree of 6 classes");
  EXPECT_HAS(message_of([&] { tree_cross_entropy(f, x, tree); }), "expected a label for each");
}

}  // namespace
}  // namespace fovea
