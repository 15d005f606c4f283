#include "fovea/train/evaluate.h"

#include <algorithm>
#include <chrono>
#include <numeric>

#include "fovea/models/frozen.h"
#include "fovea/ops/softmax.h"

namespace fovea::train {

namespace {

using Clock = std::chrono::steady_clock;

Evaluation run(
    const models::Model& model,
    data::Loader& loader,
    int keep_mistakes,
    const std::function<void(const data::Batch&)>& after) {
  auto begin = Clock::now();
  const models::FrozenModel frozen(model);
  Tally tally(model.classes, keep_mistakes);
  int64_t skipped = 0;
  loader.start(0);
  while (auto batch = loader.next()) {
    tally.add(frozen.scores(batch->images), batch->labels, batch->indices);
    skipped += batch->skipped;
    if (after) after(*batch);
  }
  Evaluation e = tally.result();
  e.skipped = skipped;
  e.seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  return e;
}

}  // namespace

Evaluation evaluate(
    const models::Model& model, const data::DatasetPtr& dataset, const EvaluateOptions& o) {
  data::Loader loader(
      dataset,
      {.batch_size = o.batch_size,
       .preprocess = model.preprocess,
       .workers = o.workers,
       .cache_bytes = o.cache_bytes,
       .max_corrupt = o.max_corrupt});
  int64_t done = 0;
  return run(model, loader, o.keep_mistakes, [&](const data::Batch& batch) {
    done += batch.size() + batch.skipped;
    if (o.progress) o.progress(done, dataset->size());
  });
}

Evaluation evaluate(const models::Model& model, data::Loader& loader, int keep_mistakes) {
  return run(model, loader, keep_mistakes, {});
}

std::vector<Prediction> predict(
    const models::Model& model, std::span<const image::Image> images, int k) {
  if (images.empty()) return {};
  return predict(model, model.preprocess.apply(images), k);
}

std::vector<Prediction> predict(const models::Model& model, const Tensor& batch, int k) {
  std::vector<Prediction> predictions;
  Tensor probabilities = softmax(models::FrozenModel(model).scores(batch));
  probabilities.eval();
  auto p = probabilities.data<float>();
  auto count = model.classes.size();
  size_t shown = std::min(count, size_t(std::max(k, 1)));
  for (size_t i = 0; i < size_t(batch.dim(0)); ++i) {
    const float* row = p.data() + i * count;
    std::vector<int> order(count);
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](int a, int b) { return row[a] > row[b]; });
    order.resize(shown);
    Prediction out{.classes = order, .probabilities = {}};
    for (int c : order) out.probabilities.push_back(double(row[c]));
    predictions.push_back(std::move(out));
  }
  return predictions;
}

}  // namespace fovea::train
