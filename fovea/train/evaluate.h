#pragma once

#include <functional>

#include "fovea/data/loader.h"
#include "fovea/models/model_file.h"
#include "fovea/train/metrics.h"
#include "fovea/train/view_scores.h"

namespace fovea::train {

struct EvaluateOptions {
  int64_t batch_size = 128;  // pictures of the model's size at once, views counted
  int workers = 1;
  int64_t cache_bytes = 0;
  int keep_mistakes = 24;
  double max_corrupt = 0.1;
  data::ViewOptions views = {};
  std::function<void(int64_t done, int64_t total)> progress;
};

// Runs the model over a dataset whose labels are indices into model.classes. With several views of
// a picture, its scores are those of ViewScores.
Evaluation evaluate(
    const models::Model& model, const data::DatasetPtr& dataset, const EvaluateOptions& o = {});

// The same with a loader that already holds the data, from its first batch.
Evaluation evaluate(const models::Model& model, data::Loader& loader, int keep_mistakes = 24);

struct Prediction {
  std::vector<int> classes;                       // highest probability first
  std::vector<double> probabilities;              // of those
  std::vector<std::array<int64_t, 2>> maps = {};  // as Judged::maps
  std::vector<double> spreads = {};               // of the probabilities, by predict_sampled
};

// The places of the k largest, largest first; of equal ones, those that come first.
std::vector<int> highest(std::span<const float> scores, int k);

// Class probabilities of pictures as they were decoded, through the model's own preprocessing; the
// k highest each.
std::vector<Prediction> predict(
    const models::Model& model, std::span<const image::Image> images, int k = 5);

// The same of the pictures that a batch of views has collected; it is empty then.
std::vector<Prediction> predict(const ViewScores& scores, data::ViewBatch& batch, int k = 5);

}  // namespace fovea::train
