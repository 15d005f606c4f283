// Exact nearest neighbours among many points, bound by the products of the distances.
//
// Block by block, distances are computed in f32: |y|^2 - 2 x y by the matrix product for L2, and
// for L1 by a kernel of our own. Their rounding is bounded (Higham, "Accuracy and stability of
// numerical algorithms", section 3.1), so points that cannot be among the k nearest are dropped at
// once; the few that are left are compared by gap(), as the reference does.

// foreach_target.h includes this file once per instruction set, so it comes first.
// clang-format off
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "fovea/backend/cpu/nearest.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>
// clang-format on

#include "fovea/ops/nearest.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "fovea/backend/cpu/cpu.h"
#include "fovea/backend/cpu/engine.h"
#include "fovea/backend/cpu/gemm.h"
#include "fovea/backend/cpu/parallel.h"
#include "fovea/backend/cpu/point_tree.h"

HWY_BEFORE_NAMESPACE();
namespace fovea::cpu::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;

int64_t ManhattanWidth() { return 2 * int64_t(hn::Lanes(D())); }

// y (rows, width) [+]= sum |x - panel| for rows of x and a panel (depth, width) of points.
template <int rows>
HWY_INLINE void Manhattan(
    const float* x,
    int64_t x_stride,
    const float* panel,
    int64_t depth,
    float* y,
    int64_t y_stride,
    bool add) {
  const D d;
  const auto lanes = int64_t(hn::Lanes(d));
  V low[rows], high[rows];
  for (int r = 0; r < rows; ++r) {
    low[r] = add ? hn::LoadU(d, y + r * y_stride) : hn::Zero(d);
    high[r] = add ? hn::LoadU(d, y + r * y_stride + lanes) : hn::Zero(d);
  }
  for (int64_t k = 0; k < depth; ++k) {
    const V p = hn::LoadU(d, panel + 2 * k * lanes), q = hn::LoadU(d, panel + (2 * k + 1) * lanes);
    for (int r = 0; r < rows; ++r) {
      const V v = hn::Set(d, x[r * x_stride + k]);
      low[r] = hn::Add(low[r], hn::Abs(hn::Sub(v, p)));
      high[r] = hn::Add(high[r], hn::Abs(hn::Sub(v, q)));
    }
  }
  for (int r = 0; r < rows; ++r) {
    hn::StoreU(low[r], d, y + r * y_stride);
    hn::StoreU(high[r], d, y + r * y_stride + lanes);
  }
}

void ManhattanPanel(
    const float* x,
    int64_t rows,
    int64_t x_stride,
    const float* panel,
    int64_t depth,
    float* y,
    int64_t y_stride,
    bool add) {
  int64_t r = 0;
  for (; r + 4 <= rows; r += 4)
    Manhattan<4>(x + r * x_stride, x_stride, panel, depth, y + r * y_stride, y_stride, add);
  for (; r < rows; ++r)
    Manhattan<1>(x + r * x_stride, x_stride, panel, depth, y + r * y_stride, y_stride, add);
}

// Writes the j < n where base[j] + scale v[j] is not above `limit` to `hits`, which has room for a
// vector more, and returns how many they are.
int64_t ScanDistances(
    const float* v, const float* base, float scale, float limit, int64_t n, int32_t* hits) {
  const D d;
  const hn::RebindToSigned<D> di;
  const auto lanes = int64_t(hn::Lanes(d));
  const V s = hn::Set(d, scale), most = hn::Set(d, limit);
  int64_t j = 0, count = 0;
  for (; j + lanes <= n; j += lanes) {
    const V a = hn::MulAdd(s, hn::LoadU(d, v + j), hn::LoadU(d, base + j));
    const auto keep = hn::Not(hn::Gt(a, most));
    if (hn::AllFalse(d, keep)) continue;
    const auto at = hn::Iota(di, int32_t(j));
    count += int64_t(hn::CompressStore(at, hn::RebindMask(di, keep), di, hits + count));
  }
  for (; j < n; ++j)
    if (!(base[j] + scale * v[j] > limit)) hits[count++] = int32_t(j);
  return count;
}

}  // namespace fovea::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fovea::cpu {

namespace {

HWY_EXPORT(ManhattanWidth);
HWY_EXPORT(ManhattanPanel);
HWY_EXPORT(ScanDistances);

constexpr int64_t most_rows = 512;         // of x at once
constexpr int64_t block_values = 1 << 20;  // of distances at once: 4 MiB
constexpr int64_t most_columns = 8192;     // of them
constexpr int64_t scanned = 512;           // distances between two looks at the limit
constexpr int64_t depth = 256;             // of a panel: it takes 32 KiB at most

constexpr double underflow = 1e-36;  // a product may be off by so much at least

constexpr double infinity = std::numeric_limits<double>::infinity();

double squared_norm(const float* x, int64_t dims, const std::vector<float>& zeros) {
  const double s = gap(Metric::l2, x, zeros.data(), dims);
  return s < 1e36 ? s : infinity;  // what is larger might not fit an f32
}

// What is known of points before they are asked for.
struct Points {
  int64_t count = 0, dims = 0;
  double error = 0;         // an f32 sum of `dims` products or magnitudes is off by so much of it
  double largest = 0;       // squared norm
  std::vector<float> base;  // squared norms less their error for L2, zeros for L1
};

Points look_at(Metric metric, const Tensor& t) {
  Points p{.count = t.dim(0), .dims = t.dim(1)};
  p.error = std::min(0.5, double(p.dims + 16) * 0x1p-24);
  const float* y = t.data<float>().data();
  const std::vector<float> zeros(size_t(p.dims));
  std::vector<double> norms(size_t(p.count));
  parallel_for(p.count, 16, [&](int64_t begin, int64_t end) {
    for (int64_t j = begin; j < end; ++j)
      norms[size_t(j)] = squared_norm(y + j * p.dims, p.dims, zeros);
  });
  p.base.resize(size_t(p.count));
  for (size_t j = 0; j < norms.size(); ++j) {
    p.largest = std::max(p.largest, norms[j]);
    if (metric == Metric::l2) p.base[j] = float(norms[j] * (1 - p.error));
  }
  return p;
}

// The points that may be among the k nearest of one x. A distance is known as a lower bound, above
// which it is at most by the factor `ratio` and then by `window`.
class Candidates {
 public:
  Candidates(int64_t k, double ratio, double window)
      : k_(size_t(k)), room_(2 * k_ + 64), ratio_(ratio), window_(window) {}

  float limit() const { return limit_; }
  size_t size() const { return list_.size(); }
  int32_t operator[](size_t i) const { return list_[i].index; }

  void add(float bound, int32_t index) {
    if (std::isnan(bound)) bound = -std::numeric_limits<float>::infinity();
    list_.push_back({bound, index});
  }
  // Drops what is known to be too far.
  void tighten() {
    if (list_.size() <= k_) return;
    auto nearer = [](const Entry& a, const Entry& b) { return a.bound < b.bound; };
    const auto kth = list_.begin() + std::ptrdiff_t(k_ - 1);
    std::nth_element(list_.begin(), kth, list_.end(), nearer);
    limit_ = float(double(kth->bound) * ratio_ + window_);
    std::erase_if(list_, [&](const Entry& e) { return e.bound > limit_; });
    room_ = std::max(2 * k_ + 64, 2 * list_.size());
  }
  void tighten_if_full() {
    if (list_.size() > room_) tighten();
  }

 private:
  struct Entry {
    float bound;
    int32_t index;
  };
  size_t k_, room_;
  double ratio_, window_;
  float limit_ = std::numeric_limits<float>::infinity();
  std::vector<Entry> list_;
};

class Search {
 public:
  Search(const NearestOptions& o, const Points& known, std::span<const Tensor> in, Run& run)
      : o_(o),
        known_(known),
        x_(in[0].data<float>().data()),
        points_(in[1].data<float>().data()),
        rows_(std::min(most_rows, in[0].dim(0))),
        width_(HWY_DYNAMIC_DISPATCH(ManhattanWidth)()),
        columns_(std::clamp(block_values / std::max<int64_t>(rows_, 1), scanned, most_columns)),
        run_(run) {
    columns_ = (std::min(columns_, known.count) + width_ - 1) / width_ * width_;
    block_ = run.scratch.get<float>(size_t(rows_ * columns_)).data();
    if (o.metric == Metric::l1)
      panels_ = run.scratch.get<float>(size_t(threads() * width_ * depth)).data();
  }

  // The rows of x from `first` on, at most rows_ of them.
  void find(int64_t first, int64_t rows, int32_t* indices, float* distances) {
    const float* x = x_ + first * known_.dims;
    std::vector<Candidates> found = candidates(x, rows);
    for (int64_t j0 = 0; j0 < known_.count; j0 += columns_) {
      const int64_t n = std::min(columns_, known_.count - j0);
      const int64_t stride = o_.metric == Metric::l2 ? n : columns_;
      if (o_.metric == Metric::l2)
        multiply(
            {.m = rows, .k = known_.dims, .n = n, .transpose_b = true},
            x,
            points_ + j0 * known_.dims,
            nullptr,
            block_,
            run_);
      else
        manhattan(x, rows, j0, n);
      parallel_for(rows, 1, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) scan(block_ + i * stride, j0, n, found[size_t(i)]);
      });
    }
    parallel_for(rows, 1, [&](int64_t begin, int64_t end) {
      std::vector<std::pair<double, int32_t>> exact;
      for (int64_t i = begin; i < end; ++i)
        finish(
            x + i * known_.dims, found[size_t(i)], exact, indices + i * o_.k, distances + i * o_.k);
    });
  }

  int64_t rows() const { return rows_; }

 private:
  // Where a norm is not finite, all points are compared by gap().
  std::vector<Candidates> candidates(const float* x, int64_t rows) const {
    const std::vector<float> zeros(size_t(known_.dims));
    const double e = known_.error;
    std::vector<Candidates> list;
    for (int64_t i = 0; i < rows; ++i) {
      const double both = squared_norm(x + i * known_.dims, known_.dims, zeros) + known_.largest;
      if (o_.metric == Metric::l2)
        list.emplace_back(o_.k, 1, 2 * e * both + double(known_.dims) * underflow);
      else
        list.emplace_back(o_.k, (1 + e) / (1 - e), std::isfinite(both) ? 0 : infinity);
    }
    return list;
  }

  // Distances of `rows` rows of x to n points from j0 on.
  void manhattan(const float* x, int64_t rows, int64_t j0, int64_t n) {
    const int64_t dims = known_.dims;
    const PackRows pack = strided_rows(points_ + j0 * dims, dims, 1);
    if (dims == 0) std::fill_n(block_, rows * columns_, 0.0f);
    parallel_for((n + width_ - 1) / width_, 1, [&](int64_t begin, int64_t end) {
      float* panel = panels_ + omp_get_thread_num() * width_ * depth;
      for (int64_t j = begin * width_; j < end * width_; j += width_)
        for (int64_t k0 = 0; k0 < dims; k0 += depth) {
          const int64_t kc = std::min(depth, dims - k0);
          pack(j, std::min(width_, n - j), k0, kc, width_, panel);
          HWY_DYNAMIC_DISPATCH(ManhattanPanel)
          (x + k0, rows, dims, panel, kc, block_ + j, columns_, k0 > 0);
        }
    });
  }

  void scan(const float* v, int64_t j0, int64_t n, Candidates& found) const {
    const float scale = o_.metric == Metric::l2 ? -2 : 1;
    const float* base = known_.base.data() + j0;
    int32_t hits[scanned + 64];
    for (int64_t from = 0; from < n; from += scanned) {
      const int64_t count = HWY_DYNAMIC_DISPATCH(ScanDistances)(
          v + from, base + from, scale, found.limit(), std::min(scanned, n - from), hits);
      for (int64_t h = 0; h < count; ++h) {
        const int64_t j = from + hits[h];
        found.add(base[j] + scale * v[j], int32_t(j0 + j));
      }
      found.tighten_if_full();
    }
  }

  void finish(
      const float* x,
      Candidates& found,
      std::vector<std::pair<double, int32_t>>& exact,
      int32_t* indices,
      float* distances) const {
    found.tighten();
    exact.clear();
    for (size_t c = 0; c < found.size(); ++c) {
      const double d = gap(o_.metric, x, points_ + found[c] * known_.dims, known_.dims);
      exact.emplace_back(std::isnan(d) ? infinity : d, found[c]);
    }
    std::partial_sort(exact.begin(), exact.begin() + o_.k, exact.end());
    for (int64_t j = 0; j < o_.k; ++j) {
      const auto [d, index] = exact[size_t(j)];
      indices[j] = index;
      distances[j] = float(o_.metric == Metric::l2 ? std::sqrt(d) : d);
    }
  }

  NearestOptions o_;
  const Points& known_;
  const float *x_, *points_;
  int64_t rows_, width_, columns_;
  Run& run_;
  float *block_ = nullptr, *panels_ = nullptr;
};

void search(
    const NearestOptions& o,
    const Points& known,
    std::span<const Tensor> in,
    std::span<Tensor> out,
    Run& run) {
  const int64_t n = in[0].dim(0);
  int32_t* indices = out[0].mutable_data<int32_t>().data();
  float* distances = out[1].mutable_data<float>().data();
  Search s(o, known, in, run);
  for (int64_t i = 0; i < n; i += s.rows())
    s.find(i, std::min(s.rows(), n - i), indices + i * o.k, distances + i * o.k);
}

void nearest_kernel(
    const Primitive& primitive, std::span<const Tensor> in, std::span<Tensor> out, Run& run) {
  const NearestOptions& o = static_cast<const Nearest&>(primitive).options();
  if (in.size() > 2) return search_tree(o, panels_of(in[1]), in, out);
  search(o, look_at(o.metric, in[1]), in, out, run);
}

// Points that stay are looked at once.
Prepared prepare_nearest(const Primitive& primitive, std::span<const Tensor> in) {
  if (!in[1].is_evaluated()) return {};
  const NearestOptions o = static_cast<const Nearest&>(primitive).options();
  if (in.size() > 2) {
    auto panels = std::make_shared<const TreePanels>(panels_of(in[1]));
    auto walk = [o, panels](std::span<const Tensor> now, std::span<Tensor> out, Run&) {
      search_tree(o, *panels, now, out);
    };
    return {.run = walk, .packed = {}};
  }
  auto known = std::make_shared<const Points>(look_at(o.metric, in[1]));
  auto run = [o, known](std::span<const Tensor> now, std::span<Tensor> out, Run& r) {
    search(o, *known, now, out, r);
  };
  return {.run = run, .packed = {}};
}

}  // namespace

void register_nearest(KernelTable& table) {
  table.add<Nearest>(Device::cpu, nearest_kernel);
  table.add_prepare<Nearest>(Device::cpu, prepare_nearest);
}

}  // namespace fovea::cpu
#endif
