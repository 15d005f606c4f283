#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>

namespace fovea {

// The extents of a tensor, outermost first; at most 8 of them, held inline. A scalar has none.
class Shape {
 public:
  static constexpr int max_rank = 8;

  Shape() = default;
  Shape(std::initializer_list<int64_t> dims) : Shape(std::span(dims.begin(), dims.size())) {}
  explicit Shape(std::span<const int64_t> dims);  // throws on a negative extent or a rank over 8

  int rank() const { return rank_; }
  int64_t numel() const;  // product of the extents, 1 for a scalar

  int64_t operator[](int axis) const { return dims_[axis]; }
  int64_t& operator[](int axis) { return dims_[axis]; }
  int64_t dim(int axis) const {
    return dims_[normalize(axis)];
  }                               // negative axes count from the end
  int normalize(int axis) const;  // to 0..rank-1; throws when out of range
  int64_t back() const { return dim(-1); }

  const int64_t* begin() const { return dims_.data(); }
  const int64_t* end() const { return dims_.data() + rank_; }

  void push_back(int64_t extent);
  Shape without(int axis) const;
  Shape with(int axis, int64_t extent) const;
  std::array<int64_t, max_rank> strides() const;  // row-major, in elements

  std::string str() const;  // "(2, 3, 4)"

  friend bool operator==(const Shape& a, const Shape& b) {
    if (a.rank_ != b.rank_) return false;
    for (int i = 0; i < a.rank_; ++i)
      if (a.dims_[i] != b.dims_[i]) return false;
    return true;
  }

 private:
  std::array<int64_t, max_rank> dims_{};
  int rank_ = 0;
};

// NumPy's broadcasting of two shapes; `op` names the caller in the error.
Shape broadcast(const Shape& a, const Shape& b, const char* op);

}  // namespace fovea
