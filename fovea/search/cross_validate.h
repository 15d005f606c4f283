#pragma once

#include <string>
#include <vector>

#include "fovea/search/search.h"

namespace fovea::search {

struct CrossValidateOptions {
  int folds = 5;                         // 2 to 50, and no more than samples
  std::string key = {};                  // of the recipe, with several values; empty: as it is
  std::vector<std::string> values = {};  // of the key
  int jobs = 1;
  std::string folder;
  bool overwrite = false;
  Watcher* watcher = nullptr;
  std::function<bool()> stop = {};
};

// A value of the key over the folds.
struct FoldRow {
  std::string value;
  std::vector<double> accuracy;  // of each fold's last epoch; NaN where its training failed
  double mean = 0;               // of the folds that did not fail
  double deviation = 0;          // from the mean, of single folds (n - 1)
  double error = 0;              // standard error of the mean, as if folds were independent
};

struct CrossValidation {
  std::string folder, name, key;
  int folds = 0;
  bool interrupted = false;
  std::vector<FoldRow> rows;
  std::optional<size_t> best;         // row with the highest mean
  std::vector<std::string> failures;  // what failed, and why
};

// k-fold cross-validation: the training data in k parts of equal size and classes; each part once
// judges a model trained on the others. The last epoch counts, since choosing one by the part that
// judges would flatter the model. Trainings are those of search() over a grid of data.fold and the
// key: they run side by side, go on after a kill, and lie in `folder`.
CrossValidation cross_validate(const train::Config& recipe, const CrossValidateOptions& o);

// A table of the rows, then the best one.
std::string text_of(const CrossValidation& c);

// The page, or the chart alone (.svg) or numbers (.csv): a dot for each fold by the value of the
// key, with means and deviations. Throws std::invalid_argument for another ending.
void write_cross_validation(const CrossValidation& c, const std::string& path);

}  // namespace fovea::search
