#include "fovea/train/metrics.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "fovea/models/model_file.h"

namespace fovea::train {

int64_t Evaluation::correct() const {
  int64_t n = 0;
  for (size_t c = 0; c < classes.size(); ++c) n += confusion[c * classes.size() + c];
  return n;
}

NonFiniteScores::NonFiniteScores(int64_t picture, double score)
    : NonFiniteError(
          fmt::format(
              "expected finite scores, got {} for picture {}, counted from 0. Weights that are NaN "
              "or infinite make such (a damaged file, a training that diverged), and so do numbers "
              "that overflow in the network (another preprocessing than it was trained with)",
              score,
              picture),
          "",
          ""),
      picture_(picture) {}

void check_finite(const Tensor& scores, std::span<const int64_t> pictures) {
  scores.eval();
  const auto values = scores.data<float>();
  const auto count = size_t(scores.dim(1));
  for (size_t i = 0; i < pictures.size(); ++i) {
    const auto row = values.subspan(i * count, count);
    const auto nan = std::ranges::find_if(row, [](float v) { return std::isnan(v); });
    const float worst = nan != row.end() ? *nan : *std::ranges::max_element(row);
    if (!std::isfinite(worst)) throw NonFiniteScores(pictures[i], worst);
  }
}

Tally::Tally(std::vector<std::string> classes, int keep_mistakes)
    : classes_(std::move(classes)), keep_(size_t(keep_mistakes)) {
  sum_.confusion.assign(classes_.size() * classes_.size(), 0);
}

void Tally::add(const Tensor& logits, const Tensor& labels, std::span<const int64_t> indices) {
  auto count = classes_.size();
  if (logits.rank() != 2 || logits.dim(1) != int64_t(count))
    throw std::invalid_argument(
        fmt::format("[evaluate] expected scores (N, {}), got {}", count, logits.shape().str()));
  models::check_rows(logits, int64_t(indices.size()));
  check_finite(logits, indices);
  auto scores = logits.data<float>();
  auto truth = labels.eval().data<int32_t>();
  for (size_t i = 0; i < indices.size(); ++i) {
    const float* s = scores.data() + i * count;
    auto t = size_t(truth[i]);
    size_t best = size_t(std::max_element(s, s + count) - s), above = 0;
    double total = 0;
    for (size_t c = 0; c < count; ++c) {
      total += std::exp(double(s[c]) - double(s[best]));
      above += s[c] > s[t] || (s[c] == s[t] && c < t);
    }
    double loss = std::log(total) + double(s[best]) - double(s[t]);
    ++sum_.samples;
    loss_ += loss;
    top1_ += above == 0;
    top5_ += above < 5;
    ++sum_.confusion[t * count + best];
    if (best != t) sum_.mistakes.push_back({indices[i], int(t), int(best), 1 / total, loss});
  }
  auto worse = [](const Mistake& a, const Mistake& b) {
    return a.loss != b.loss ? a.loss > b.loss : a.index < b.index;
  };
  std::sort(sum_.mistakes.begin(), sum_.mistakes.end(), worse);
  if (sum_.mistakes.size() > keep_) sum_.mistakes.resize(keep_);
}

Evaluation Tally::result() const {
  Evaluation e = sum_;
  e.classes = classes_;
  double n = double(std::max<int64_t>(e.samples, 1));
  e.loss = loss_ / n;
  e.top1 = double(top1_) / n;
  e.top5 = double(top5_) / n;
  size_t count = classes_.size(), present = 0;
  for (size_t c = 0; c < count; ++c) {
    int64_t row = 0, column = 0, hit = e.confusion[c * count + c];
    for (size_t k = 0; k < count; ++k) {
      row += e.confusion[c * count + k];
      column += e.confusion[k * count + c];
    }
    ClassRow r{.name = classes_[c], .count = row};
    r.precision = column ? double(hit) / double(column) : 0;
    r.recall = row ? double(hit) / double(row) : 0;
    r.f1 = hit ? 2 * r.precision * r.recall / (r.precision + r.recall) : 0;
    e.rows.push_back(r);
    e.balanced += r.recall;
    present += row > 0;
  }
  e.balanced /= double(std::max<size_t>(present, 1));
  return e;
}

}  // namespace fovea::train
