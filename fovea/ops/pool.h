#pragma once

#include <array>
#include <memory>
#include <optional>
#include <vector>

#include "fovea/core/primitive.h"
#include "fovea/core/random.h"
#include "fovea/ops/window.h"

// Pooling over the height and width of images x (N, H, W, C), each channel on its own, and its
// inverses. f32 or f64.
namespace fovea {

struct Pool2dOptions {
  std::array<int, 2> kernel{2, 2};
  std::array<int, 2> stride{0, 0};     // 0: as large as the kernel
  std::array<int, 4> pad{0, 0, 0, 0};  // top, bottom, left, right; smaller than the kernel
  Rounding rounding = Rounding::floor;
  bool count_include_pad = true;  // averages divide by the whole window, padding included
};

// The largest element of each window: (N, Ho, Wo, C). Padding never wins; of equal elements the
// first in row-major order does, and takes the whole gradient. A NaN wins.
Tensor max_pool2d(const Tensor& x, const Pool2dOptions& o = {});

// The same with the place of each winner, row * W + column, as i32 of y's shape.
struct MaxPooled {
  Tensor y, index;
};
MaxPooled max_pool2d_with_index(const Tensor& x, const Pool2dOptions& o = {});

Tensor avg_pool2d(const Tensor& x, const Pool2dOptions& o = {});
Tensor global_avg_pool(const Tensor& x);  // (N, C)

// Bins that share the image evenly, whatever its size: row i covers floor(i H / height) to
// ceil((i + 1) H / height) - 1, as in PyTorch.
Tensor adaptive_avg_pool2d(const Tensor& x, int64_t height, int64_t width);
Tensor adaptive_max_pool2d(const Tensor& x, int64_t height, int64_t width);

struct FractionalPoolOptions {
  int64_t height = 0, width = 0;  // of the result, at least 1
  bool overlapping = true;        // neighbouring windows share the row or column between them
  bool pseudorandom = true;       // window i ends at floor(a (i + u)), u drawn; else any order
};

// Max pooling of windows whose sizes differ by one at most, so that sides shrink by less than two:
// Graham 2014, "Fractional max-pooling", section 2. The windows are drawn from the key, for all
// pictures and channels the same; without a key they are those of u = 0. The result has at most a
// window for each pixel of a side, one fewer if they overlap.
Tensor fractional_max_pool2d(
    const Tensor& x, const FractionalPoolOptions& o, std::optional<Key> key = {});

// Puts y (N, Ho, Wo, C) back where max pooling found it, in zeros (N, height, width, C); what meets
// in one place is added (Zeiler and Fergus 2014, section 2.1).
Tensor max_unpool2d(const Tensor& y, const Tensor& index, int64_t height, int64_t width);

// Each pixel becomes a factor x factor block: itself at the top left and zeros elsewhere, or itself
// everywhere.
Tensor bed_of_nails(const Tensor& x, int factor);
Tensor upsample_nearest(const Tensor& x, int factor);

// Where the windows of one axis lie, clipped to the image; `count` is what an average divides by.
// Begins and ends never decrease.
struct PoolBin {
  int64_t begin = 0, end = 0, count = 1;
  friend bool operator==(const PoolBin&, const PoolBin&) = default;
};

// The windows of a whole pooling: the cross product of both axes.
struct PoolGrid {
  int64_t height = 0, width = 0;  // of the large image
  std::vector<PoolBin> rows, columns;
  friend bool operator==(const PoolGrid&, const PoolGrid&) = default;
};

// Common to the primitives below.
class Pool : public Primitive {
 public:
  explicit Pool(std::shared_ptr<const PoolGrid> grid) : grid_(std::move(grid)) {}
  const PoolGrid& grid() const { return *grid_; }
  Kind kind() const override { return Kind::reduce; }
  bool same(const Primitive& other) const override;
  size_t hash() const override { return 288 + grid_->rows.size() * 31 + grid_->columns.size(); }

 protected:
  Shape small_shape(const Tensor& x, const char* op) const;  // of an image of the grid's size
  Shape large_shape(const Tensor& y, const char* op) const;  // of an image with a pixel per window

  std::shared_ptr<const PoolGrid> grid_;
};

// x -> y and the i32 index of each maximum.
class MaxPool : public Pool {
 public:
  using Pool::Pool;
  std::string_view name() const override { return "max_pool"; }
  std::vector<Spec> infer(std::span<const Tensor> in) const override;
  std::vector<Tensor> vjp(
      std::span<const Tensor> in,
      std::span<const Tensor> out,
      std::span<const Tensor> dout,
      std::span<const int> wanted) const override;
};

// y, index -> x: zeros, to which each y is added at its index. Without rows and columns in the grid
// an index may point anywhere, else only into its own window. Throws on an index off the image.
class PoolScatter : public Pool {
 public:
  using Pool::Pool;
  std::string_view name() const override { return "pool_scatter"; }
  std::vector<Spec> infer(std::span<const Tensor> in) const override;
  std::vector<Tensor> vjp(
      std::span<const Tensor> in,
      std::span<const Tensor> out,
      std::span<const Tensor> dout,
      std::span<const int> wanted) const override;
};

// x, index -> y: the elements found at the indices.
class PoolGather : public Pool {
 public:
  using Pool::Pool;
  std::string_view name() const override { return "pool_gather"; }
  std::vector<Spec> infer(std::span<const Tensor> in) const override;
  std::vector<Tensor> vjp(
      std::span<const Tensor> in,
      std::span<const Tensor> out,
      std::span<const Tensor> dout,
      std::span<const int> wanted) const override;
};

// x -> y: sums over the windows, divided by their counts.
class AvgPool : public Pool {
 public:
  using Pool::Pool;
  std::string_view name() const override { return "avg_pool"; }
  std::vector<Spec> infer(std::span<const Tensor> in) const override;
  std::vector<Tensor> vjp(
      std::span<const Tensor> in,
      std::span<const Tensor> out,
      std::span<const Tensor> dout,
      std::span<const int> wanted) const override;
};

// y -> x: the transpose of AvgPool; each y, divided by its count, spread over its window.
class AvgPoolBwd : public Pool {
 public:
  using Pool::Pool;
  std::string_view name() const override { return "avg_pool_spread"; }
  std::vector<Spec> infer(std::span<const Tensor> in) const override;
  std::vector<Tensor> vjp(
      std::span<const Tensor> in,
      std::span<const Tensor> out,
      std::span<const Tensor> dout,
      std::span<const int> wanted) const override;
};

}  // namespace fovea
