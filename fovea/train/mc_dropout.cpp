#include "fovea/train/mc_dropout.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include <fmt/format.h>

#include "fovea/ops/softmax.h"

namespace fovea::train {

Sampled sample_probabilities(const models::Model& model, const Tensor& batch, int draws, Key key) {
  if (draws < 2)
    throw std::invalid_argument(
        fmt::format("[mc_dropout] expected at least 2 draws, got {}", draws));
  // Welford's running mean and sum of squared distances from it.
  std::vector<double> mean, squares;
  Shape shape;
  for (int i = 0; i < draws; ++i) {
    nn::Ctx ctx;
    ctx.sampling = true;
    ctx.key = key.fold_in(uint64_t(i));
    const Tensor p = softmax(model.scores(batch, ctx)).eval();
    if (!ctx.has_drawn())
      throw std::invalid_argument(fmt::format(
          "[mc_dropout] expected a network with dropout or something else that is drawn, got {}, "
          "which says the same each time",
          model.architecture.name));
    shape = p.shape();
    mean.resize(size_t(shape.numel()), 0);
    squares.resize(mean.size(), 0);
    const auto values = p.data<float>();
    for (size_t j = 0; j < values.size(); ++j) {
      const double off = values[j] - mean[j];
      mean[j] += off / (i + 1);
      squares[j] += off * (values[j] - mean[j]);
    }
  }
  Sampled s{.mean = Tensor::empty(shape), .spread = Tensor::empty(shape)};
  std::ranges::copy(mean, s.mean.mutable_data<float>().begin());
  std::ranges::transform(squares, s.spread.mutable_data<float>().begin(), [&](double sum) {
    return float(std::sqrt(sum / (draws - 1)));
  });
  return s;
}

std::vector<Prediction> predict_sampled(
    const models::Model& model, data::ViewBatch& batch, int k, int draws, Key key) {
  std::vector<Prediction> predictions(size_t(batch.size()));
  size_t done = 0;
  for (const data::ViewGroup& group : batch.take()) {
    const Sampled s = sample_probabilities(model, group.images, draws, key);
    check_finite(s.mean, group.of);
    const auto mean = s.mean.data<float>(), spread = s.spread.data<float>();
    const auto classes = size_t(s.mean.dim(1));
    for (size_t i = 0; i < group.of.size(); ++i, ++done) {
      Prediction& p = predictions[size_t(group.of[i])];
      p.classes = highest(mean.subspan(i * classes, classes), k);
      for (int c : p.classes) {
        p.probabilities.push_back(mean[i * classes + size_t(c)]);
        p.spreads.push_back(spread[i * classes + size_t(c)]);
      }
    }
  }
  if (done != predictions.size())
    throw std::invalid_argument(fmt::format(
        "[mc_dropout] expected one view of each of {} pictures, got {}", predictions.size(), done));
  return predictions;
}

}  // namespace fovea::train
