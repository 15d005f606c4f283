#include "fovea/core/shape.h"

#include <algorithm>
#include <stdexcept>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace fovea {

Shape::Shape(std::span<const int64_t> dims) {
  for (int64_t extent : dims) push_back(extent);
}

int64_t Shape::numel() const {
  int64_t n = 1;
  for (int64_t extent : *this) n *= extent;
  return n;
}

int Shape::normalize(int axis) const {
  int a = axis < 0 ? axis + rank_ : axis;
  if (a < 0 || a >= rank_)
    throw std::invalid_argument(fmt::format("axis {} is out of range for shape {}", axis, str()));
  return a;
}

void Shape::push_back(int64_t extent) {
  if (extent < 0)
    throw std::invalid_argument(fmt::format("a shape cannot have the negative extent {}", extent));
  if (rank_ == max_rank)
    throw std::invalid_argument(fmt::format("a shape has at most {} axes", max_rank));
  dims_[rank_++] = extent;
}

Shape Shape::without(int axis) const {
  Shape s;
  int skip = normalize(axis);
  for (int i = 0; i < rank_; ++i)
    if (i != skip) s.push_back(dims_[i]);
  return s;
}

Shape Shape::with(int axis, int64_t extent) const {
  Shape s = *this;
  s[normalize(axis)] = extent;
  return s;
}

std::array<int64_t, Shape::max_rank> Shape::strides() const {
  std::array<int64_t, max_rank> s{};
  int64_t step = 1;
  for (int i = rank_ - 1; i >= 0; --i) {
    s[i] = step;
    step *= dims_[i];
  }
  return s;
}

std::string Shape::str() const { return fmt::format("({})", fmt::join(begin(), end(), ", ")); }

Shape broadcast(const Shape& a, const Shape& b, const char* op) {
  Shape out;
  int rank = std::max(a.rank(), b.rank());
  for (int i = 0; i < rank; ++i) {
    int ia = i - (rank - a.rank()), ib = i - (rank - b.rank());
    int64_t da = ia < 0 ? 1 : a[ia], db = ib < 0 ? 1 : b[ib];
    if (da != db && da != 1 && db != 1)
      throw std::invalid_argument(fmt::format(
          "[{}] expected shapes that broadcast together, got {} and {}: they differ at axis {}",
          op,
          a.str(),
          b.str(),
          i));
    out.push_back(da == 1 ? db : da);
  }
  return out;
}

}  // namespace fovea
