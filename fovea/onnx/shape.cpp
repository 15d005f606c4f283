#include "fovea/ops/shape.h"

#include <algorithm>
#include <numeric>

#include <fmt/format.h>

#include "fovea/onnx/call.h"

// Operators that change the shape or the order of axes.
namespace fovea::onnx {

namespace {

using Values = std::vector<Value>;

Values reshape_to(const Call& c) {
  const Value& x = c[0];
  const auto asked = c.opset < 5 ? c.integers("shape") : c.held(1);
  const bool zero_means_copy = c.integer("allowzero", 0) == 0;
  const Shape from = x.shape();
  std::vector<int64_t> to = asked;
  int64_t known = 1;
  int free = -1;
  for (size_t i = 0; i < to.size(); ++i) {
    if (to[i] == 0 && zero_means_copy) to[i] = from.dim(int(i));
    if (to[i] < -1 || (to[i] == -1 && free >= 0))
      throw std::invalid_argument(fmt::format("a shape of ({})", fmt::join(asked, ", ")));
    if (to[i] == -1)
      free = int(i);
    else if (__builtin_mul_overflow(known, to[i], &known))
      throw std::invalid_argument(fmt::format("a shape of ({})", fmt::join(asked, ", ")));
  }
  if (free >= 0) to[size_t(free)] = known > 0 ? x.tensor.numel() / known : 0;
  return {{reshape(x.plain(), Shape(to))}};
}

Values flatten_from(const Call& c) {
  const Tensor x = c[0].plain();
  int64_t axis = c.integer("axis", 1);
  if (axis < 0) axis += x.rank();
  if (axis < 0 || axis > x.rank()) throw std::invalid_argument("axis outside of the input");
  int64_t rows = 1, columns = 1;
  for (int i = 0; i < x.rank(); ++i) (i < axis ? rows : columns) *= x.dim(i);
  return {{reshape(x, Shape{rows, columns})}};
}

// Turning images to (N, H, W, C) and back only changes what the axes are called.
Values transpose_axes(const Call& c) {
  const Value& x = c[0];
  std::vector<int64_t> perm = c.integers("perm");
  if (!c.given("perm")) {
    perm.resize(size_t(x.rank()));
    std::iota(perm.rbegin(), perm.rend(), 0);
  }
  if (int(perm.size()) != x.rank()) throw std::invalid_argument("perm: a number for each axis");
  if (!x.last && perm == std::vector<int64_t>{0, 3, 1, 2}) return {{x.tensor, true}};
  std::vector<int> order;
  for (int64_t a : perm) order.push_back(x.axis(a));
  if (std::ranges::is_sorted(order)) return {{x.tensor}};
  return {{transpose(x.tensor, order)}};
}

Values squeeze_axes(const Call& c) {
  const Tensor x = c[0].plain();
  auto axes = c.integers(1, "axes");
  std::vector<bool> gone(size_t(x.rank()), false);
  for (int64_t a : axes) {
    const int i = x.shape().normalize(int(a));
    if (x.dim(i) != 1) throw std::invalid_argument("an axis that is not 1");
    gone[size_t(i)] = true;
  }
  Shape shape;
  for (int i = 0; i < x.rank(); ++i)
    if (axes.empty() ? x.dim(i) != 1 : !gone[size_t(i)]) shape.push_back(x.dim(i));
  return {{reshape(x, shape)}};
}

Values unsqueeze_axes(const Call& c) {
  const Tensor x = c[0].plain();
  auto axes = c.integers(1, "axes");
  const int64_t rank = x.rank() + int64_t(axes.size());
  if (rank > Shape::max_rank) throw Unsupported(fmt::format("{} axes", rank));
  std::vector<bool> added(size_t(rank), false);
  for (int64_t a : axes) {
    if (a < 0) a += rank;
    if (a < 0 || a >= rank || added[size_t(a)]) throw std::invalid_argument("axes do not fit");
    added[size_t(a)] = true;
  }
  Shape shape;
  for (int64_t i = 0, from = 0; i < rank; ++i)
    shape.push_back(added[size_t(i)] ? 1 : x.dim(int(from++)));
  return {{reshape(x, shape)}};
}

Values expand(const Call& c) {
  const Tensor x = c[0].plain();
  return {{broadcast_to(x, broadcast(x.shape(), Shape(c.held(1)), "Expand"))}};
}

Values shape_of(const Call& c) {
  const Shape shape = c[0].shape();
  auto bound = [&](const char* name, int64_t otherwise) {
    int64_t i = c.integer(name, otherwise);
    return std::clamp<int64_t>(i < 0 ? i + shape.rank() : i, 0, shape.rank());
  };
  const int64_t start = bound("start", 0), end = std::max(start, bound("end", shape.rank()));
  const std::vector<int64_t> part(shape.begin() + start, shape.begin() + end);
  return {known_integers(part, {end - start})};
}

Values size_of_all(const Call& c) { return {known_integers({c[0].tensor.numel()}, {})}; }

struct Blocks {
  Tensor x;
  int64_t n, c, h, w, b;
};

Blocks blocks_of(const Call& c) {
  if (c[0].rank() != 4) throw std::invalid_argument("expected images, of 4 axes");
  const int64_t b = c.integer("blocksize", 0);
  if (b < 1 || b > 1 << 15) throw std::invalid_argument(fmt::format("blocksize of {}", b));
  const Tensor x = c[0].images();
  return {x, x.dim(0), x.dim(3), x.dim(1), x.dim(2), b};
}

// (N, C b b, H, W) -> (N, C, H b, W b): DCR has the block before the channel, CRD behind it.
Values depth_to_space(const Call& c) {
  const auto [x, n, channels, h, w, b] = blocks_of(c);
  const std::string mode = c.text("mode", "DCR");
  if (mode != "DCR" && mode != "CRD") throw Unsupported("mode = " + mode);
  if (channels % (b * b) != 0) throw std::invalid_argument("blocksize does not fit the channels");
  const int64_t depth = channels / (b * b);
  const Tensor y = mode == "DCR"
                       ? transpose(reshape(x, Shape{n, h, w, b, b, depth}), {0, 1, 3, 2, 4, 5})
                       : transpose(reshape(x, Shape{n, h, w, depth, b, b}), {0, 1, 4, 2, 5, 3});
  return {{reshape(y, Shape{n, h * b, w * b, depth}), true}};
}

Values space_to_depth(const Call& c) {
  const auto [x, n, channels, h, w, b] = blocks_of(c);
  if (h % b != 0 || w % b != 0) throw std::invalid_argument("blocksize does not fit the image");
  const Tensor y =
      transpose(reshape(x, Shape{n, h / b, b, w / b, b, channels}), {0, 1, 3, 2, 4, 5});
  return {{reshape(y, Shape{n, h / b, w / b, b * b * channels}), true}};
}

}  // namespace

std::vector<Operator> shape_operators() {
  return {
      {"Reshape", reshape_to, "allowzero shape"},
      {"Flatten", flatten_from, "axis"},
      {"Transpose", transpose_axes, "perm"},
      {"Squeeze", squeeze_axes, "axes"},
      {"Unsqueeze", unsqueeze_axes, "axes"},
      {"Expand", expand},
      {"Shape", shape_of, "end start"},
      {"Size", size_of_all},
      {"DepthToSpace", depth_to_space, "blocksize mode"},
      {"SpaceToDepth", space_to_depth, "blocksize"},
  };
}

}  // namespace fovea::onnx
