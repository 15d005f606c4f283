#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "fovea/core/errors.h"
#include "fovea/core/tensor.h"

namespace fovea::train {

struct ClassRow {
  std::string name;
  int64_t count = 0;  // samples of this class
  double precision = 0, recall = 0, f1 = 0;
};

// A sample that the model got wrong.
struct Mistake {
  int64_t index = 0;  // in the dataset
  int truth = 0, predicted = 0;
  double probability = 0;  // of `predicted`
  double loss = 0;
};

// How a classifier did on a dataset.
struct Evaluation {
  int64_t samples = 0, skipped = 0;
  double loss = 0;            // mean cross-entropy
  double top1 = 0, top5 = 0;  // shares; top5 counts the truth among the five highest scores
  double balanced = 0;        // mean recall of the classes that have samples
  std::vector<std::string> classes;
  std::vector<int64_t> confusion;  // (truth, predicted), row-major
  std::vector<ClassRow> rows;
  std::vector<Mistake> mistakes;  // the worst, largest loss first
  double seconds = 0;

  int64_t correct() const;
};

// A picture got scores of which none is the highest: one is NaN, or the largest is infinite.
class NonFiniteScores : public NonFiniteError {
 public:
  NonFiniteScores(int64_t picture, double score);
  int64_t picture() const { return picture_; }  // as it was numbered

 private:
  int64_t picture_;
};

// Throws NonFiniteScores for scores f32 (n, classes) of pictures with these n numbers. Minus
// infinity beside a finite score is a probability of 0.
void check_finite(const Tensor& scores, std::span<const int64_t> pictures);

// Collects an Evaluation batch by batch.
class Tally {
 public:
  explicit Tally(std::vector<std::string> classes, int keep_mistakes = 24);

  // logits f32 (N, C); labels i32 (N); indices of the samples in the dataset. Among equal scores
  // the lower class number counts as higher. Throws NonFiniteScores with the index of a sample.
  void add(const Tensor& logits, const Tensor& labels, std::span<const int64_t> indices);
  Evaluation result() const;

 private:
  std::vector<std::string> classes_;
  size_t keep_;
  Evaluation sum_;
  int64_t top5_ = 0, top1_ = 0;
  double loss_ = 0;
};

}  // namespace fovea::train
