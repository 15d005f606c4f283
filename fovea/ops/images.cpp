#include "fovea/ops/images.h"

#include <stdexcept>

#include <fmt/format.h>

namespace fovea {

void check_images(const Tensor& x, const char* op) {
  if (x.rank() != 4)
    throw std::invalid_argument(
        fmt::format("[{}] expected images (N, H, W, C), got {}", op, x.shape().str()));
  if (x.dtype() != Dtype::f32 && x.dtype() != Dtype::f64)
    throw std::invalid_argument(
        fmt::format("[{}] expected f32 or f64 images, got {}; cast them", op, x.str()));
}

}  // namespace fovea
