#include "fovea/classic/tree.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include <gtest/gtest.h>

#include "fovea/core/device.h"
#include "fovea/ops/create.h"
#include "fovea/ops/elementwise.h"
#include "fovea/ops/reduce.h"
#include "tests/support/check_op.h"
#include "tests/support/expect.h"

namespace fovea::classic {
namespace {

using test::message_of;
using test::random_input;

using Labels = std::vector<int32_t>;

DecisionTree fitted(
    const Tensor& x, const Labels& labels, DecisionTree::Options o, int64_t classes = 2) {
  o.in = x.dim(1);
  o.classes = classes;
  DecisionTree tree(o);
  tree.fit({.x = x, .labels = Tensor::from<int32_t>(labels, {x.dim(0)}), .classes = classes});
  return tree;
}

std::vector<float> guesses(const DecisionTree& tree, const Tensor& x) {
  nn::Ctx ctx;
  return argmax(nn::forward(tree, x, ctx), 1).eval().to_vector();
}

TEST(DecisionTree, SplitsInTheMiddleOfTheGap) {
  const Tensor x = Tensor::from<float>({5, 1, 5, 2, 5, 4, 5, 7}, {4, 2});  // the first is constant
  DecisionTree tree = fitted(x, {0, 0, 1, 1}, {.depth = 1});
  EXPECT_EQ(nn::state(tree).at("feature").to_vector(), std::vector<float>{1});
  EXPECT_EQ(nn::state(tree).at("threshold").to_vector(), std::vector<float>{3});
  nn::Ctx ctx;
  const auto p = nn::forward(tree, x, ctx).eval().to_vector();
  EXPECT_NEAR(p[0], std::log(3.0 / 4), 1e-6);  // (2 + 1) / (2 + 2)
  EXPECT_NEAR(p[1], std::log(1.0 / 4), 1e-6);
  EXPECT_EQ(guesses(tree, x), (std::vector<float>{0, 0, 1, 1}));
}

// No single question helps here, two do.
TEST(DecisionTree, LearnsExclusiveOr) {
  const Tensor x = Tensor::from<float>({0, 0, 0, 1, 1, 0, 1, 1}, {4, 2});
  EXPECT_EQ(guesses(fitted(x, {0, 1, 1, 0}, {.depth = 2}), x), (std::vector<float>{0, 1, 1, 0}));
}

// The first question against every question there is.
TEST(DecisionTree, AsksTheQuestionOfLeastImpurity) {
  const int64_t n = 40, d = 5, classes = 3;
  for (uint64_t seed = 0; seed < 4; ++seed) {
    const Tensor x = round(random_input({n, d}, seed) * 4.0f).eval();  // with values in common
    const Tensor drawn = test::int_input({n}, seed + 9, 0, int(classes));
    const Labels labels(drawn.data<int32_t>().begin(), drawn.data<int32_t>().end());
    const auto value = x.data<float>();
    auto impurity = [&](int64_t f, float threshold, int64_t least) {
      double total = 0;
      for (bool above : {false, true}) {
        std::vector<double> counts(size_t(classes), 0);
        double all = 0;
        for (int64_t i = 0; i < n; ++i)
          if ((value[size_t(i * d + f)] > threshold) == above) {
            ++counts[size_t(labels[size_t(i)])];
            ++all;
          }
        if (all < double(least)) return INFINITY;
        double gini = 1;
        for (double c : counts) gini -= c * c / (all * all);
        total += all / double(n) * gini;
      }
      return float(total);
    };
    for (int64_t least : {1, 6}) {
      DecisionTree tree = fitted(x, labels, {.depth = 1, .least = least}, classes);
      const Tree state = nn::state(tree);
      const float got = impurity(
          int64_t(state.at("feature").to_vector()[0]), state.at("threshold").to_vector()[0], least);
      float best = INFINITY;
      for (int64_t f = 0; f < d; ++f)
        for (float t = -4; t < 4; ++t) best = std::min(best, impurity(f, t + 0.5f, least));
      EXPECT_NEAR(got, best, 1e-6) << seed << " " << least;
    }
  }
}

TEST(DecisionTree, DeepEnoughItKnowsAllExamples) {
  const Tensor x = random_input({64, 4}, 2);
  const Tensor drawn = test::int_input({64}, 3, 0, 4);
  const Labels labels(drawn.data<int32_t>().begin(), drawn.data<int32_t>().end());
  EXPECT_EQ(guesses(fitted(x, labels, {.depth = 14}, 4), x), drawn.to_vector());
  // With at least 16 in a leaf there are at most 4 leaves.
  DecisionTree coarse = fitted(x, labels, {.depth = 14, .least = 16}, 4);
  nn::Ctx ctx;
  const auto p = nn::forward(coarse, x, ctx).eval().to_vector();
  std::map<std::vector<float>, int> leaves;
  for (size_t i = 0; i < 64; ++i)
    ++leaves[{p.begin() + int64_t(4 * i), p.begin() + int64_t(4 * i + 4)}];
  EXPECT_LE(leaves.size(), 4u);
  EXPECT_GT(leaves.size(), 1u);
  for (const auto& [leaf, count] : leaves) EXPECT_GE(count, 16);
}

// Node after node as the definition has it: every column of its examples sorted anew.
class SlowTree {
 public:
  std::vector<float> feature, threshold;

  SlowTree(const Tensor& x, const Labels& labels, int depth, int64_t least, int64_t classes)
      : feature((size_t(1) << depth) - 1, 0), threshold(feature.size(), INFINITY) {
    std::vector<size_t> rows(labels.size());
    std::iota(rows.begin(), rows.end(), size_t(0));
    divide(x, labels, least, classes, 0, rows);
  }

 private:
  void divide(
      const Tensor& x,
      const Labels& labels,
      int64_t least,
      int64_t classes,
      size_t node,
      const std::vector<size_t>& rows) {
    if (node >= feature.size() || int64_t(rows.size()) < 2 * least) return;
    const auto value = x.data<float>();
    const auto d = size_t(x.dim(1));
    double best = -1;
    for (size_t f = 0; f < d; ++f) {
      std::vector<size_t> order = rows;
      std::ranges::stable_sort(order, {}, [&](size_t r) { return value[r * d + f]; });
      std::vector<double> left(size_t(classes), 0), right(size_t(classes), 0);
      for (size_t r : rows) ++right[size_t(labels[r])];
      if (std::ranges::max(right) == double(rows.size())) return;
      for (size_t i = 0; i + 1 < order.size(); ++i) {
        ++left[size_t(labels[order[i]])];
        --right[size_t(labels[order[i]])];
        const float low = value[order[i] * d + f], high = value[order[i + 1] * d + f];
        const auto n = int64_t(i + 1), ahead = int64_t(order.size()) - n;
        if (low == high || n < least || ahead < least) continue;
        auto squares = [](const std::vector<double>& v) {
          double sum = 0;
          for (double c : v) sum += c * c;
          return sum;
        };
        const double score = squares(left) / double(n) + squares(right) / double(ahead);
        if (score <= best + 1e-9) continue;
        best = score;
        feature[node] = float(f);
        threshold[node] = low + (high - low) / 2;
      }
    }
    if (best < 0) return;
    std::vector<size_t> below, above;
    for (size_t r : rows)
      (value[r * d + size_t(feature[node])] > threshold[node] ? above : below).push_back(r);
    divide(x, labels, least, classes, 2 * node + 1, below);
    divide(x, labels, least, classes, 2 * node + 2, above);
  }
};

// With many values in common and with none, more columns than one block has, and a minus zero.
TEST(DecisionTree, GrowsAsNodeAfterNodeWouldForAnyThreads) {
  const int64_t n = 200, d = 70, classes = 3;
  for (double coarse : {2.0, 1e6}) {
    Tensor x = round(random_input({n, d}, 5) * coarse).eval();
    x.mutable_data<float>()[0] = -0.0f;
    const Tensor drawn = test::int_input({n}, 6, 0, int(classes));
    const Labels labels(drawn.data<int32_t>().begin(), drawn.data<int32_t>().end());
    for (int64_t least : {1, 4}) {
      const SlowTree expected(x, labels, 6, least, classes);
      for (int t : {1, 3}) {
        set_threads(t);
        DecisionTree tree = fitted(x, labels, {.depth = 6, .least = least}, classes);
        EXPECT_EQ(nn::state(tree).at("feature").to_vector(), expected.feature) << coarse << t;
        EXPECT_EQ(nn::state(tree).at("threshold").to_vector(), expected.threshold) << coarse << t;
      }
      set_threads(0);
    }
  }
}

TEST(DecisionTree, OneClassNeedsNoQuestions) {
  const Tensor x = random_input({5, 2}, 2);
  EXPECT_EQ(guesses(fitted(x, Labels(5, 1), {.depth = 3}), x), std::vector<float>(5, 1));
}

TEST(DecisionTree, SaysWhatItNeeds) {
  EXPECT_HAS(
      message_of([] { DecisionTree({.in = 2, .classes = 2, .depth = 17}); }),
      "a depth from 1 to 16, got 2, 2, 1 and 17");
  EXPECT_HAS(
      message_of([] {
        DecisionTree tree({.in = 2, .classes = 3});
        tree.fit({.x = ones({4, 2}), .labels = zeros({4}, Dtype::i32), .classes = 2});
      }),
      "[tree] expected examples of 3 classes, got 2");
  auto refusal = [](const Tensor& x, const Tensor& labels) {
    return message_of([&] {
      DecisionTree tree({.in = 2, .classes = 2});
      tree.fit({.x = x, .labels = labels, .classes = 2});
    });
  };
  const Tensor x = ones({2, 2}), labels = zeros({2}, Dtype::i32);
  const char* expected =
      "[tree] expected finite f32 examples (N, 2) and i32 labels (N) in 0..1, got ";
  EXPECT_HAS(refusal(ones({2, 3}), labels), expected);
  EXPECT_HAS(refusal(x, zeros({3}, Dtype::i32)), expected);
  EXPECT_HAS(refusal(x, Tensor::from<int32_t>({0, 5}, {2})), "a label of 5");
  EXPECT_HAS(refusal(Tensor::from({1.0f, 2.0f, NAN, 4.0f}, {2, 2}), labels), "nan in example 1");
}

}  // namespace
}  // namespace fovea::classic
