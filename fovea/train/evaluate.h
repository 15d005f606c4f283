#pragma once

#include <functional>

#include "fovea/data/loader.h"
#include "fovea/models/model_file.h"
#include "fovea/train/metrics.h"

namespace fovea::train {

struct EvaluateOptions {
  int64_t batch_size = 128;
  int workers = 1;
  int64_t cache_bytes = 0;
  int keep_mistakes = 24;
  double max_corrupt = 0.1;
  std::function<void(int64_t done, int64_t total)> progress;
};

// Runs the model over a dataset whose labels are indices into model.classes.
Evaluation evaluate(
    const models::Model& model, const data::DatasetPtr& dataset, const EvaluateOptions& o = {});

// The same with a loader that already holds the data, from its first batch.
Evaluation evaluate(const models::Model& model, data::Loader& loader, int keep_mistakes = 24);

struct Prediction {
  std::vector<int> classes;           // highest probability first
  std::vector<double> probabilities;  // of those
};

// Class probabilities of pictures, through the model's own preprocessing; the k highest each.
std::vector<Prediction> predict(
    const models::Model& model, std::span<const image::Image> images, int k = 5);

// The same of a batch (N, H, W, C) that went through the preprocessing.
std::vector<Prediction> predict(const models::Model& model, const Tensor& batch, int k = 5);

}  // namespace fovea::train
