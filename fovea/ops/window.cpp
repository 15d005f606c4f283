#include "fovea/ops/window.h"

#include <stdexcept>

#include <fmt/format.h>

namespace fovea {

int64_t window_count(
    int64_t size, const Window& w, Rounding rounding, const char* op, const char* axis) {
  if (w.kernel < 1 || w.stride < 1 || w.dilation < 1)
    throw std::invalid_argument(fmt::format(
        "[{}] expected kernel, stride and dilation of at least 1 along the {}, got {}, {} and {}; "
        "a dilation of 1 is dense",
        op,
        axis,
        w.kernel,
        w.stride,
        w.dilation));
  if (w.before < 0 || w.after < 0)
    throw std::invalid_argument(fmt::format(
        "[{}] expected padding of at least 0 along the {}, got {} and {}; slice to crop",
        op,
        axis,
        w.before,
        w.after));
  const int64_t room = size + w.before + w.after - w.extent();
  if (room < 0)
    throw std::invalid_argument(fmt::format(
        "[{}] expected a window no larger than the padded input, got {} over {} {} with padding {} "
        "and {}; pad more or use a smaller kernel",
        op,
        w.extent(),
        axis,
        size,
        w.before,
        w.after));
  if (rounding == Rounding::exact && room % w.stride != 0)
    throw std::invalid_argument(fmt::format(
        "[{}] expected windows that tile the {} exactly, got ({} + {} + {} - {}) / {} + 1 = {:.2f} "
        "of them; change the padding or the stride",
        op,
        axis,
        size,
        w.before,
        w.after,
        w.extent(),
        w.stride,
        double(room) / double(w.stride) + 1));
  if (rounding != Rounding::ceil) return room / w.stride + 1;
  const int64_t count = (room + w.stride - 1) / w.stride + 1;
  return w.first(count - 1) >= size ? count - 1 : count;
}

}  // namespace fovea
