// Growth level by level over columns that were sorted once, as SLIQ does it (Mehta, Agrawal and
// Rissanen 1996, "SLIQ: a fast scalable classifier for data mining").
#include "fovea/classic/tree_growth.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <memory>
#include <span>
#include <utility>

#include "fovea/backend/cpu/parallel.h"

namespace fovea::classic {

namespace {

constexpr float never = std::numeric_limits<float>::infinity();  // nothing is larger
constexpr double clearly = 1e-9;         // equal scores differ by rounding, and the first one wins
constexpr int64_t columns_at_once = 16;  // a cache line of a row of examples
constexpr int64_t most_blocks = 64;      // of columns, whose best splits are compared in order
constexpr uint32_t rises = 1u << 31;     // beside a row: its value is above that of the row before

// An integer that sorts as x does: NaN last, both zeros alike.
uint32_t sort_key(float x) {
  if (x != x) return UINT32_MAX;
  const auto bits = std::bit_cast<uint32_t>(x + 0.0f);  // -0 becomes 0
  return bits >> 31 ? ~bits : bits | 0x80000000u;
}

struct KeyedRow {
  uint32_t key, row;
};

// Sorts by key, digit by digit from the lowest; equal keys keep their order.
void radix_sort(std::vector<KeyedRow>& rows, std::vector<KeyedRow>& spare) {
  constexpr int bits = 11, digits = 3;
  constexpr uint32_t mask = (1u << bits) - 1;
  std::array<std::array<uint32_t, mask + 1>, digits> starts{};
  for (const KeyedRow& r : rows)
    for (int d = 0; d < digits; ++d) ++starts[size_t(d)][r.key >> (bits * d) & mask];
  for (int d = 0; d < digits; ++d) {
    uint32_t before = 0;
    for (uint32_t& start : starts[size_t(d)]) before += std::exchange(start, before);
    for (const KeyedRow& r : rows) spare[starts[size_t(d)][r.key >> (bits * d) & mask]++] = r;
    rows.swap(spare);
  }
}

// A question between two neighbours in a column: are values above that of `low` on, from `high`?
struct Split {
  int32_t feature = 0;
  uint32_t low = 0, high = 0;  // rows
  double score = -1;  // sum over both sides of (sum over classes of n_c^2) / n: large is pure
};

// A node that is still to be divided.
struct Node {
  size_t number;  // in the whole binary tree
  int64_t count;
  int64_t squares;  // sum over classes of n_c^2
};

// What of a node a scan of a column has passed.
struct Passed {
  int64_t count = 0, squares = 0, squares_ahead = 0;
  uint32_t rank = 0, row = 0;  // of the last one
};

// Where an example is: its place among the open nodes, or none.
struct Example {
  int32_t node = -1, label = 0;
};

class Grower {
 public:
  Grower(const Examples& e, int depth, int64_t least)
      : x_(e.x.data<float>().data()),
        rows_(e.x.dim(0)),
        features_(e.x.dim(1)),
        classes_(size_t(e.classes)),
        least_(least),
        inner_((size_t(1) << depth) - 1),
        examples_(size_t(rows_)),
        order_(std::make_unique_for_overwrite<uint32_t[]>(size_t(rows_ * features_))),
        tree_{
            .feature = std::vector<int32_t>(inner_, 0),
            .threshold = std::vector<float>(inner_, never),
            .leaves = std::vector<float>((inner_ + 1) * classes_, 0.0f)} {
    const auto labels = e.labels.data<int32_t>();
    for (size_t i = 0; i < examples_.size(); ++i) examples_[i] = {0, labels[i]};
  }

  GrownTree grow() {
    std::vector<int32_t> child(examples_.size(), 0);  // every example is at the root
    open({0}, child);
    if (!nodes_.empty()) sort_columns();
    while (!nodes_.empty()) {
      const std::vector<Split> splits = best_splits();
      std::vector<size_t> children;
      for (size_t i = 0; i < nodes_.size(); ++i) {
        const size_t number = nodes_[i].number;
        if (splits[i].score < 0) {
          finish(number, &counts_[i * classes_], nodes_[i].count);
        } else {
          tree_.feature[number] = splits[i].feature;
          tree_.threshold[number] = between(
              value(splits[i].low, splits[i].feature), value(splits[i].high, splits[i].feature));
        }
        children.push_back(2 * number + 1);
        children.push_back(2 * number + 2);
      }
      for (size_t r = 0; r < examples_.size(); ++r) {
        const int32_t node = examples_[r].node;
        child[r] = -1;
        if (node < 0 || splits[size_t(node)].score < 0) continue;
        const size_t number = nodes_[size_t(node)].number;
        child[r] = 2 * node + (value(uint32_t(r), tree_.feature[number]) > tree_.threshold[number]);
      }
      for (size_t i = 0; i < splits.size(); ++i)
        if (splits[i].score < 0) children[2 * i] = children[2 * i + 1] = none;
      open(children, child);
    }
    return std::move(tree_);
  }

 private:
  static constexpr size_t none = std::numeric_limits<size_t>::max();

  float value(uint32_t row, int64_t f) const { return x_[int64_t(row) * features_ + f]; }

  // Makes these nodes the open ones, but those that need no question, which become leaves. Each
  // example is in the one that `place` says, -1 for none.
  void open(const std::vector<size_t>& numbers, const std::vector<int32_t>& place) {
    std::vector<int64_t> counts(numbers.size() * classes_, 0);
    for (size_t r = 0; r < examples_.size(); ++r)
      if (place[r] >= 0) ++counts[size_t(place[r]) * classes_ + size_t(examples_[r].label)];
    nodes_.clear();
    counts_.clear();
    std::vector<int32_t> renamed(numbers.size(), -1);
    for (size_t i = 0; i < numbers.size(); ++i) {
      if (numbers[i] == none) continue;
      const std::span<const int64_t> own(&counts[i * classes_], classes_);
      Node node{numbers[i], 0, 0};
      for (int64_t n : own) node.count += n, node.squares += n * n;
      const bool pure = std::ranges::max(own) == node.count;
      if (numbers[i] >= inner_ || pure || node.count < 2 * least_) {
        finish(node.number, own.data(), node.count);
        continue;
      }
      renamed[i] = int32_t(nodes_.size());
      nodes_.push_back(node);
      counts_.insert(counts_.end(), own.begin(), own.end());
    }
    for (size_t r = 0; r < examples_.size(); ++r)
      examples_[r].node = place[r] < 0 ? -1 : renamed[size_t(place[r])];
  }

  // A branch that ends early goes on to its first leaf.
  void finish(size_t number, const int64_t* counts, int64_t n) {
    while (number < inner_) number = 2 * number + 1;
    for (size_t c = 0; c < classes_; ++c)
      tree_.leaves[(number - inner_) * classes_ + c] =
          float(std::log(double(counts[c] + 1) / double(n + int64_t(classes_))));
  }

  void sort_columns() {
    const int64_t groups = (features_ + columns_at_once - 1) / columns_at_once;
    cpu::parallel_for(groups, 1, [&](int64_t begin, int64_t end) {
      const auto n = size_t(rows_);
      std::vector<uint32_t> keys(n * columns_at_once);
      std::vector<KeyedRow> sorted(n), spare(n);
      for (int64_t g = begin; g < end; ++g) {
        const int64_t first = g * columns_at_once;
        const int64_t width = std::min(columns_at_once, features_ - first);
        for (size_t r = 0; r < n; ++r)
          for (int64_t f = 0; f < width; ++f)
            keys[size_t(f) * n + r] = sort_key(value(uint32_t(r), first + f));
        for (int64_t f = 0; f < width; ++f) {
          for (size_t r = 0; r < n; ++r) sorted[r] = {keys[size_t(f) * n + r], uint32_t(r)};
          radix_sort(sorted, spare);
          uint32_t* order = &order_[size_t(first + f) * n];
          for (size_t i = 0; i < n; ++i)
            order[i] = sorted[i].row | (i > 0 && sorted[i].key != sorted[i - 1].key ? rises : 0);
        }
      }
    });
  }

  // The best split of each open node, of equal ones the one at the first feature and lowest value.
  std::vector<Split> best_splits() const {
    const int64_t blocks = std::min(features_, most_blocks);
    std::vector<std::vector<Split>> found(size_t(blocks), std::vector<Split>(nodes_.size()));
    cpu::parallel_for(blocks, 1, [&](int64_t begin, int64_t end) {
      std::vector<Passed> passed(nodes_.size());
      std::vector<int64_t> counts(counts_.size());
      for (int64_t b = begin; b < end; ++b)
        for (int64_t f = features_ * b / blocks; f < features_ * (b + 1) / blocks; ++f)
          scan(int32_t(f), passed, counts, found[size_t(b)]);
    });
    std::vector<Split> best = std::move(found[0]);
    for (size_t b = 1; b < found.size(); ++b)
      for (size_t i = 0; i < best.size(); ++i)
        if (found[b][i].score > best[i].score + clearly) best[i] = found[b][i];
    return best;
  }

  // Passes the examples of a column in rising order and looks at each gap between two of one node.
  void scan(
      int32_t f,
      std::vector<Passed>& passed,
      std::vector<int64_t>& counts,
      std::vector<Split>& best) const {
    for (size_t i = 0; i < nodes_.size(); ++i) passed[i] = {.squares_ahead = nodes_[i].squares};
    std::ranges::fill(counts, 0);
    const uint32_t* order = &order_[size_t(f) * size_t(rows_)];
    uint32_t rank = 0;
    for (int64_t i = 0; i < rows_; ++i) {
      const uint32_t row = order[i] & ~rises;
      rank += order[i] >> 31;
      const Example at = examples_[row];
      if (at.node < 0) continue;
      Passed& p = passed[size_t(at.node)];
      if (p.rank != rank && p.count > 0) {
        const int64_t ahead = nodes_[size_t(at.node)].count - p.count;
        if (p.count >= least_ && ahead >= least_) {
          const double score =
              double(p.squares) / double(p.count) + double(p.squares_ahead) / double(ahead);
          Split& s = best[size_t(at.node)];
          if (score > s.score + clearly) s = {f, p.row, row, score};
        }
      }
      const size_t own = size_t(at.node) * classes_ + size_t(at.label);
      const int64_t before = counts[own]++;
      p.squares += 2 * before + 1;
      p.squares_ahead -= 2 * (counts_[own] - before) - 1;
      ++p.count;
      p.rank = rank;
      p.row = row;
    }
  }

  // At least `low` and less than `high`.
  static float between(float low, float high) {
    const float middle = low + (high - low) / 2;
    return middle < high ? middle : low;
  }

  const float* x_;
  int64_t rows_, features_;
  size_t classes_;
  int64_t least_;
  size_t inner_;
  std::vector<Example> examples_;
  std::unique_ptr<uint32_t[]> order_;  // rows of each column by rising value, with `rises`
  std::vector<Node> nodes_;            // the open ones of a level
  std::vector<int64_t> counts_;        // of their classes
  GrownTree tree_;
};

}  // namespace

GrownTree grow_tree(const Examples& e, int depth, int64_t least) {
  return Grower(e, depth, least).grow();
}

}  // namespace fovea::classic
