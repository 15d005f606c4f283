#include "fovea/train/evaluate.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <memory>
#include <numeric>

#include "fovea/models/frozen.h"

namespace fovea::train {

namespace {

using Clock = std::chrono::steady_clock;

using Scores = std::function<Tensor(const data::Batch&)>;

Evaluation run(
    const models::Model& model,
    data::Loader& loader,
    int keep_mistakes,
    const Scores& scores,
    const std::function<void(const data::Batch&)>& after) {
  auto begin = Clock::now();
  Tally tally(model.classes, keep_mistakes);
  int64_t skipped = 0;
  loader.start(0);
  while (auto batch = loader.next()) {
    tally.add(scores(*batch), batch->labels, batch->indices);
    skipped += batch->skipped;
    if (after) after(*batch);
  }
  Evaluation e = tally.result();
  e.skipped = skipped;
  e.seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  return e;
}

Scores of_images(const models::Model& model) {
  return [frozen = std::make_shared<models::FrozenModel>(model)](const data::Batch& batch) {
    return frozen->scores(batch.images);
  };
}

}  // namespace

Evaluation evaluate(
    const models::Model& model, const data::DatasetPtr& dataset, const EvaluateOptions& o) {
  const bool several = o.views != data::ViewOptions();
  const data::Views views(model.preprocess, o.views);
  data::LoaderOptions how{
      .batch_size = o.batch_size,
      .preprocess = model.preprocess,
      .workers = o.workers,
      .cache_bytes = o.cache_bytes,
      .max_corrupt = o.max_corrupt};
  if (several) {
    how.views = o.views;
    how.batch_size = views.pictures(o.batch_size);
  }
  data::Loader loader(dataset, std::move(how));
  int64_t done = 0;
  auto after = [&](const data::Batch& batch) {
    done += batch.size() + batch.skipped;
    if (o.progress) o.progress(done, dataset->size());
  };
  if (!several) return run(model, loader, o.keep_mistakes, of_images(model), after);
  const ViewScores scores(model, views);
  auto of_views = [&](const data::Batch& b) { return scores(b.views, b.size()).scores; };
  return run(model, loader, o.keep_mistakes, of_views, after);
}

Evaluation evaluate(const models::Model& model, data::Loader& loader, int keep_mistakes) {
  return run(model, loader, keep_mistakes, of_images(model), {});
}

std::vector<int> highest(std::span<const float> scores, int k) {
  std::vector<int> order(scores.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int a, int b) {
    return scores[size_t(a)] > scores[size_t(b)];
  });
  order.resize(std::min(order.size(), size_t(std::max(k, 1))));
  return order;
}

std::vector<Prediction> predict(
    const models::Model& model, std::span<const image::Image> images, int k) {
  const data::Views views(model.preprocess);
  data::ViewBatch batch(views);
  for (const image::Image& image : images) batch.add(image);
  return predict(ViewScores(model, views), batch, k);
}

std::vector<Prediction> predict(const ViewScores& scores, data::ViewBatch& batch, int k) {
  std::vector<Prediction> predictions;
  const int64_t n = batch.size();
  if (n == 0) return predictions;
  Judged judged = scores(batch.take(), n);
  const auto p = judged.scores.data<float>();
  const auto count = size_t(judged.scores.dim(1));
  for (size_t i = 0; i < size_t(n); ++i) {
    const auto row = p.subspan(i * count, count);
    Prediction out{
        .classes = highest(row, k), .probabilities = {}, .maps = std::move(judged.maps[i])};
    for (int c : out.classes) out.probabilities.push_back(std::exp(double(row[size_t(c)])));
    predictions.push_back(std::move(out));
  }
  return predictions;
}

}  // namespace fovea::train
