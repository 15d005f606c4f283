#include "fovea/train/non_finite.h"

#include <cmath>

#include <fmt/format.h>

#include "fovea/core/text.h"

namespace fovea::train {

NonFiniteError with_batch(
    const NonFiniteError& e,
    const data::Batch& batch,
    const data::Dataset& dataset,
    const StepPlace& at) {
  std::vector<std::string> samples;
  for (int64_t index : batch.indices) samples.push_back(dataset.sample_name(index));
  std::string text = fmt::format(
      "the loss was not finite at step {} (epoch {}, learning rate {:.3g}): {}. The batch: {}. The "
      "weights of the last checkpoint are untouched; try a smaller optimizer.lr or "
      "train.clip_norm = 1",
      at.step,
      at.epoch + 1,
      at.lr,
      e.what(),
      list_of(samples, 8));
  return NonFiniteError(text, e.op(), e.path());
}

void check_weights(nn::Module& net, std::string_view optimizer, const StepPlace& at) {
  for (const auto& [name, t] : nn::parameters(net))
    for (float v : t.data<float>())
      if (!std::isfinite(v))
        throw NonFiniteError(
            fmt::format(
                "{} became {} at step {} (epoch {}, learning rate {:.3g}). The last checkpoint is "
                "untouched; try a smaller optimizer.lr or train.clip_norm = 1",
                name,
                v,
                at.step,
                at.epoch + 1,
                at.lr),
            std::string(optimizer),
            name);
}

}  // namespace fovea::train
