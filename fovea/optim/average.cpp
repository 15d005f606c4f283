#include "fovea/optim/average.h"

#include <algorithm>
#include <memory>
#include <stdexcept>

#include <fmt/format.h>

#include "fovea/ops/update.h"

namespace fovea::optim {

ParameterAverage ParameterAverage::exponential(double decay) {
  if (!(decay >= 0 && decay < 1))
    throw std::invalid_argument(fmt::format("[average] expected a decay in [0, 1), got {}", decay));
  return ParameterAverage(1 - decay);
}

ParameterAverage ParameterAverage::uniform() { return ParameterAverage(0); }

void ParameterAverage::update(const Tree& params) {
  if (count_ == 0) {
    values_ = params;
  } else {
    auto name_of = [](const auto& item) -> const std::string& { return item.first; };
    if (!std::ranges::equal(params, values_, {}, name_of, name_of))
      throw std::invalid_argument(fmt::format(
          "[average] expected the same {} parameters at each update, got {} or others",
          values_.size(),
          params.size()));
    double weight = weight_ > 0 ? weight_ : 1 / double(count_ + 1);
    auto rule = std::make_shared<AverageUpdate>(weight);
    for (const auto& [name, p] : params) {
      Tensor& average = values_.at(name);
      average = fovea::update(rule, average, {}, p)[0];
    }
  }
  ++count_;
}

void ParameterAverage::load_state(Tree values, int64_t count) {
  if (count < 0 || (count == 0) != values.empty())
    throw std::invalid_argument(fmt::format(
        "[average] expected values and the number of updates they come from, got {} values and {} "
        "updates",
        values.size(),
        count));
  values_ = std::move(values);
  count_ = count;
}

}  // namespace fovea::optim
