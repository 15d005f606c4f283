#include "fovea/ops/pool.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <typeinfo>

#include <fmt/format.h>

#include "fovea/ops/elementwise.h"
#include "fovea/ops/images.h"
#include "fovea/ops/index.h"
#include "fovea/ops/reduce.h"
#include "fovea/ops/resize.h"

namespace fovea {

namespace {

using Grid = std::shared_ptr<const PoolGrid>;

std::vector<PoolBin> sliding_bins(
    int64_t size, const Window& w, const Pool2dOptions& o, const char* op, const char* axis) {
  if (w.before >= w.kernel || w.after >= w.kernel)
    throw std::invalid_argument(fmt::format(
        "[{}] expected padding smaller than the kernel {} along the {}, got {} and {}",
        op,
        w.kernel,
        axis,
        w.before,
        w.after));
  if (size < 1)
    throw std::invalid_argument(
        fmt::format("[{}] expected at least one pixel along the {}, got none", op, axis));
  std::vector<PoolBin> bins(size_t(window_count(size, w, o.rounding, op, axis)));
  for (size_t i = 0; i < bins.size(); ++i) {
    const int64_t first = w.first(int64_t(i));
    PoolBin& bin = bins[i];
    bin.begin = std::max<int64_t>(first, 0);
    bin.end = std::min(first + w.kernel, size);
    // A window that hangs over the padding, by rounding up, is counted up to there.
    bin.count = o.count_include_pad ? std::min(first + w.kernel, size + w.after) - first
                                    : bin.end - bin.begin;
  }
  return bins;
}

Grid sliding_grid(const Tensor& x, const Pool2dOptions& o, const char* op) {
  check_images(x, op);
  auto stride = [&](size_t i) { return o.stride[i] ? o.stride[i] : o.kernel[i]; };
  const Window down{o.kernel[0], stride(0), o.pad[0], o.pad[1]};
  const Window right{o.kernel[1], stride(1), o.pad[2], o.pad[3]};
  return std::make_shared<PoolGrid>(PoolGrid{
      x.dim(1),
      x.dim(2),
      sliding_bins(x.dim(1), down, o, op, "height"),
      sliding_bins(x.dim(2), right, o, op, "width")});
}

std::vector<PoolBin> even_bins(int64_t size, int64_t count, const char* op) {
  if (count < 1 || size < 1)
    throw std::invalid_argument(fmt::format(
        "[{}] expected at least one pixel and one bin, got {} and {}", op, size, count));
  std::vector<PoolBin> bins;
  for (int64_t i = 0; i < count; ++i) {
    const int64_t begin = i * size / count, end = ((i + 1) * size + count - 1) / count;
    bins.push_back({begin, end, end - begin});
  }
  return bins;
}

Grid even_grid(const Tensor& x, int64_t height, int64_t width, const char* op) {
  check_images(x, op);
  return std::make_shared<PoolGrid>(PoolGrid{
      x.dim(1), x.dim(2), even_bins(x.dim(1), height, op), even_bins(x.dim(2), width, op)});
}

// Where the windows of one axis end: (7, 3) may be {2, 4, 7}. Steps are the floor or
// the ceiling of size / count.
std::vector<int64_t> fractional_ends(int64_t size, int64_t count, bool pseudorandom, Rng* rng) {
  const double step = double(size) / double(count), u = rng ? rng->uniform() : 0;
  std::vector<int64_t> ends;
  for (int64_t i = 1; i < count; ++i)
    ends.push_back(int64_t(std::floor(step * (double(i) + u)) - std::floor(step * u)));
  ends.push_back(size);
  if (pseudorandom || !rng) return ends;
  std::vector<int64_t> steps(ends.size());
  std::adjacent_difference(ends.begin(), ends.end(), steps.begin());
  for (size_t i = steps.size(); i > 1; --i) std::swap(steps[i - 1], steps[rng->below(i)]);
  std::partial_sum(steps.begin(), steps.end(), ends.begin());
  return ends;
}

std::vector<PoolBin> fractional_bins(
    int64_t size, int64_t count, const FractionalPoolOptions& o, Rng* rng) {
  const int64_t shared = o.overlapping ? 1 : 0;
  if (count < 1 || count > size - shared)
    throw std::invalid_argument(fmt::format(
        "[fractional_max_pool2d] expected 1 to {} windows along {} pixels, got {}",
        std::max<int64_t>(size - shared, 0),
        size,
        count));
  std::vector<PoolBin> bins;
  int64_t begin = 0;
  for (int64_t end : fractional_ends(size - shared, count, o.pseudorandom, rng)) {
    bins.push_back({begin, end + shared, end + shared - begin});
    begin = end;
  }
  return bins;
}

template <class P>
std::vector<Tensor> apply(const Grid& grid, std::vector<Tensor> inputs) {
  return Tensor::outputs_of(std::make_shared<P>(grid), std::move(inputs));
}

MaxPooled max_pooled(const Tensor& x, const Grid& grid) {
  std::vector<Tensor> out = apply<MaxPool>(grid, {x});
  return {out[0], out[1]};
}

void check_index(const Tensor& y, const Tensor& index, const char* op) {
  if (index.dtype() != Dtype::i32 || !(index.shape() == y.shape()))
    throw std::invalid_argument(fmt::format(
        "[{}] expected an index i32 {} for values {}, got {}",
        op,
        y.shape().str(),
        y.shape().str(),
        index.str()));
}

}  // namespace

bool Pool::same(const Primitive& other) const {
  return typeid(*this) == typeid(other) && *static_cast<const Pool&>(other).grid_ == *grid_;
}

Shape Pool::small_shape(const Tensor& x, const char* op) const {
  check_images(x, op);
  if (x.dim(1) != grid_->height || x.dim(2) != grid_->width)
    throw std::invalid_argument(fmt::format(
        "[{}] expected images of {} x {}, got {}",
        op,
        grid_->height,
        grid_->width,
        x.shape().str()));
  return {x.dim(0), int64_t(grid_->rows.size()), int64_t(grid_->columns.size()), x.dim(3)};
}

Shape Pool::large_shape(const Tensor& y, const char* op) const {
  check_images(y, op);
  const auto rows = int64_t(grid_->rows.size()), columns = int64_t(grid_->columns.size());
  if (rows && columns && (y.dim(1) != rows || y.dim(2) != columns))
    throw std::invalid_argument(fmt::format(
        "[{}] expected one value for each of {} x {} windows, got {}",
        op,
        rows,
        columns,
        y.shape().str()));
  return {y.dim(0), grid_->height, grid_->width, y.dim(3)};
}

std::vector<Spec> MaxPool::infer(std::span<const Tensor> in) const {
  Shape y = small_shape(in[0], "max_pool2d");
  if (grid_->height * grid_->width > std::numeric_limits<int32_t>::max())
    throw std::invalid_argument(fmt::format(
        "[max_pool2d] expected at most 2^31 - 1 pixels an image, got {}", in[0].shape().str()));
  return {{y, in[0].dtype()}, {y, Dtype::i32}};
}

std::vector<Tensor> MaxPool::vjp(
    std::span<const Tensor>,
    std::span<const Tensor> out,
    std::span<const Tensor> dout,
    std::span<const int>) const {
  if (dout[0].is_empty()) return {Tensor()};
  return apply<PoolScatter>(grid_, {dout[0], out[1]});
}

std::vector<Spec> PoolScatter::infer(std::span<const Tensor> in) const {
  Shape x = large_shape(in[0], "max_unpool2d");
  check_index(in[0], in[1], "max_unpool2d");
  return {{x, in[0].dtype()}};
}

std::vector<Tensor> PoolScatter::vjp(
    std::span<const Tensor> in,
    std::span<const Tensor>,
    std::span<const Tensor> dout,
    std::span<const int>) const {
  return apply<PoolGather>(grid_, {dout[0], in[1]});
}

std::vector<Spec> PoolGather::infer(std::span<const Tensor> in) const {
  small_shape(in[0], "pool_gather");
  Shape y = in[1].shape();
  if (in[1].dtype() != Dtype::i32 || y.rank() != 4 || y[0] != in[0].dim(0) || y[3] != in[0].dim(3))
    throw std::invalid_argument(fmt::format(
        "[pool_gather] expected an i32 index (N, H, W, C) for {}, got {}",
        in[0].shape().str(),
        in[1].str()));
  return {{y, in[0].dtype()}};
}

std::vector<Tensor> PoolGather::vjp(
    std::span<const Tensor> in,
    std::span<const Tensor>,
    std::span<const Tensor> dout,
    std::span<const int>) const {
  return apply<PoolScatter>(grid_, {dout[0], in[1]});
}

std::vector<Spec> AvgPool::infer(std::span<const Tensor> in) const {
  return {{small_shape(in[0], "avg_pool2d"), in[0].dtype()}};
}

std::vector<Tensor> AvgPool::vjp(
    std::span<const Tensor>,
    std::span<const Tensor>,
    std::span<const Tensor> dout,
    std::span<const int>) const {
  return apply<AvgPoolBwd>(grid_, {dout[0]});
}

std::vector<Spec> AvgPoolBwd::infer(std::span<const Tensor> in) const {
  return {{large_shape(in[0], "avg_pool2d"), in[0].dtype()}};
}

std::vector<Tensor> AvgPoolBwd::vjp(
    std::span<const Tensor>,
    std::span<const Tensor>,
    std::span<const Tensor> dout,
    std::span<const int>) const {
  return apply<AvgPool>(grid_, {dout[0]});
}

Tensor max_pool2d(const Tensor& x, const Pool2dOptions& o) { return max_pool2d_with_index(x, o).y; }

MaxPooled max_pool2d_with_index(const Tensor& x, const Pool2dOptions& o) {
  return max_pooled(x, sliding_grid(x, o, "max_pool2d"));
}

Tensor avg_pool2d(const Tensor& x, const Pool2dOptions& o) {
  return apply<AvgPool>(sliding_grid(x, o, "avg_pool2d"), {x})[0];
}

Tensor global_avg_pool(const Tensor& x) {
  check_images(x, "global_avg_pool");
  return mean(x, {1, 2});
}

Tensor adaptive_avg_pool2d(const Tensor& x, int64_t height, int64_t width) {
  return apply<AvgPool>(even_grid(x, height, width, "adaptive_avg_pool2d"), {x})[0];
}

Tensor adaptive_max_pool2d(const Tensor& x, int64_t height, int64_t width) {
  return max_pooled(x, even_grid(x, height, width, "adaptive_max_pool2d")).y;
}

Tensor fractional_max_pool2d(
    const Tensor& x, const FractionalPoolOptions& o, std::optional<Key> key) {
  check_images(x, "fractional_max_pool2d");
  std::optional<Rng> rng;
  if (key) rng.emplace(*key);
  Rng* draws = rng ? &*rng : nullptr;
  std::vector<PoolBin> rows = fractional_bins(x.dim(1), o.height, o, draws);
  std::vector<PoolBin> columns = fractional_bins(x.dim(2), o.width, o, draws);
  return max_pooled(
             x,
             std::make_shared<PoolGrid>(
                 PoolGrid{x.dim(1), x.dim(2), std::move(rows), std::move(columns)}))
      .y;
}

Tensor max_unpool2d(const Tensor& y, const Tensor& index, int64_t height, int64_t width) {
  if (height < 1 || width < 1)
    throw std::invalid_argument(
        fmt::format("[max_unpool2d] expected a positive size, got {} x {}", height, width));
  Tensor places =
      index.dtype() == Dtype::i64 ? index_i32(index, height * width, "max_unpool2d") : index;
  auto grid = std::make_shared<PoolGrid>(PoolGrid{height, width, {}, {}});
  return apply<PoolScatter>(grid, {y, places})[0];
}

Tensor bed_of_nails(const Tensor& x, int factor) {
  check_images(x, "bed_of_nails");
  if (factor < 1)
    throw std::invalid_argument(
        fmt::format("[bed_of_nails] expected a factor of at least 1, got {}", factor));
  // Windows of one pixel, `factor` apart.
  auto bins = [&](int64_t size) {
    std::vector<PoolBin> nails;
    for (int64_t i = 0; i < size; ++i) nails.push_back({i * factor, i * factor + 1, 1});
    return nails;
  };
  auto grid = std::make_shared<PoolGrid>(
      PoolGrid{x.dim(1) * factor, x.dim(2) * factor, bins(x.dim(1)), bins(x.dim(2))});
  return apply<AvgPoolBwd>(grid, {x})[0];
}

Tensor upsample_nearest(const Tensor& x, int factor) {
  check_images(x, "upsample_nearest");
  if (factor < 1)
    throw std::invalid_argument(
        fmt::format("[upsample_nearest] expected a factor of at least 1, got {}", factor));
  return resize(x, x.dim(1) * factor, x.dim(2) * factor, {.mode = Interpolation::nearest});
}

}  // namespace fovea
