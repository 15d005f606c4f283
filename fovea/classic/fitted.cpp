#include "fovea/classic/fitted.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include <fmt/format.h>

#include "fovea/core/eval.h"

namespace fovea::classic {

void check_examples(const Examples& e, int64_t in, std::string_view who) {
  auto fail = [&](const std::string& got) {
    throw std::invalid_argument(fmt::format(
        "[{}] expected finite f32 examples (N, {}) and i32 labels (N) in 0..{}, got {}",
        who,
        in,
        e.classes - 1,
        got));
  };
  const bool fits = e.x.dtype() == Dtype::f32 && e.x.rank() >= 2 && e.x.dim(-1) == in &&
                    e.x.dim(0) >= 1 && e.labels.dtype() == Dtype::i32 &&
                    e.labels.shape() == Shape{e.x.dim(0)};
  if (!fits) fail(fmt::format("{} and {}", e.x.str(), e.labels.str()));
  eval({e.x, e.labels});
  for (int32_t label : e.labels.data<int32_t>())
    if (label < 0 || label >= e.classes) fail(fmt::format("a label of {}", label));
  const auto values = e.x.data<float>();
  const auto odd = std::ranges::find_if(values, [](float v) { return !std::isfinite(v); });
  if (odd != values.end())
    fail(
        fmt::format("{} in example {}", *odd, (odd - values.begin()) / (e.x.numel() / e.x.dim(0))));
}

}  // namespace fovea::classic
