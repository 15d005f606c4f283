#include "fovea/ops/pad.h"

#include <algorithm>
#include <stdexcept>

#include <fmt/format.h>

#include "fovea/ops/slice.h"

namespace fovea {

namespace {

void check_widths(const Shape& shape, const std::vector<PadWidth>& widths, PadMode mode) {
  for (int axis = 0; axis < shape.rank(); ++axis) {
    auto [before, after] = widths[size_t(axis)];
    int64_t extent = shape[axis];
    if (before < 0 || after < 0)
      throw std::invalid_argument(fmt::format(
          "[pad] expected widths of 0 or more, got {} and {} on axis {}; slice cuts",
          before,
          after,
          axis));
    if (mode == PadMode::reflect && std::max(before, after) >= std::max<int64_t>(extent, 1))
      throw std::invalid_argument(fmt::format(
          "[pad] expected reflected widths below {} on axis {} of shape {}, got {} and {}",
          extent,
          axis,
          shape.str(),
          before,
          after));
    if (mode == PadMode::replicate && extent == 0 && before + after > 0)
      throw std::invalid_argument(
          fmt::format("[pad] axis {} of shape {} has no edge to replicate", axis, shape.str()));
  }
}

}  // namespace

int64_t padded_source(PadMode mode, int64_t i, int64_t before, int64_t extent) {
  int64_t at = i - before;
  if (at >= 0 && at < extent) return at;
  if (mode == PadMode::constant) return -1;
  if (mode == PadMode::replicate) return std::clamp<int64_t>(at, 0, extent - 1);
  return at < 0 ? -at : 2 * (extent - 1) - at;
}

std::vector<Spec> Pad::infer(std::span<const Tensor> in) const {
  Shape shape = in[0].shape();
  if (int(widths_.size()) != shape.rank())
    throw std::invalid_argument(fmt::format(
        "[pad] expected a width for each axis of {}, got {}", shape.str(), widths_.size()));
  check_widths(shape, widths_, o_.mode);
  for (int i = 0; i < shape.rank(); ++i)
    shape[i] += widths_[size_t(i)].before + widths_[size_t(i)].after;
  return {{shape, in[0].dtype()}};
}

std::vector<Tensor> Pad::vjp(
    std::span<const Tensor> in,
    std::span<const Tensor>,
    std::span<const Tensor> dout,
    std::span<const int>) const {
  if (o_.mode != PadMode::constant)
    return {Tensor::output_of(std::make_shared<PadGrad>(widths_, o_.mode), {dout[0]})};
  std::vector<Range> inside;
  for (size_t i = 0; i < widths_.size(); ++i)
    inside.push_back({widths_[i].before, widths_[i].before + in[0].shape()[int(i)]});
  return {slice(dout[0], inside)};
}

bool Pad::same(const Primitive& other) const {
  auto* o = dynamic_cast<const Pad*>(&other);
  return o && o->widths_ == widths_ && o->o_ == o_;
}

std::vector<Spec> PadGrad::infer(std::span<const Tensor> in) const {
  Shape shape = in[0].shape();
  for (int i = 0; i < shape.rank(); ++i)
    shape[i] -= widths_[size_t(i)].before + widths_[size_t(i)].after;
  return {{shape, in[0].dtype()}};
}

std::vector<Tensor> PadGrad::vjp(
    std::span<const Tensor>,
    std::span<const Tensor>,
    std::span<const Tensor> dout,
    std::span<const int>) const {
  return {pad(dout[0], widths_, {.mode = mode_})};
}

bool PadGrad::same(const Primitive& other) const {
  auto* o = dynamic_cast<const PadGrad*>(&other);
  return o && o->widths_ == widths_ && o->mode_ == mode_;
}

Tensor pad(const Tensor& x, const std::vector<PadWidth>& widths, const PadOptions& o) {
  bool none = std::ranges::all_of(widths, [](const PadWidth& w) { return w == PadWidth{}; });
  if (none && int(widths.size()) == x.rank()) return x;
  return Tensor::output_of(std::make_shared<Pad>(widths, o), {x});
}

Tensor pad2d(const Tensor& x, PadWidth height, PadWidth width, const PadOptions& o) {
  if (x.rank() != 4)
    throw std::invalid_argument(
        fmt::format("[pad2d] expected (N, H, W, C), got shape {}", x.shape().str()));
  return pad(x, {{}, height, width, {}}, o);
}

}  // namespace fovea
