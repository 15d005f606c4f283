#pragma once

#include <algorithm>
#include <array>

#include "fovea/core/shape.h"

namespace fovea::cpu {

// Two operands broadcast over an output, as rows: axes that both operands step through alike are
// merged, and the innermost is a row along which each operand steps by 0 or 1.
class Broadcast2 {
 public:
  Broadcast2(const Shape& a, const Shape& b, const Shape& out);

  int64_t outer() const { return outer_; }  // number of rows
  int64_t inner() const { return inner_; }  // elements of a row
  int64_t a_step() const { return a_step_; }
  int64_t b_step() const { return b_step_; }

  // Calls f(row, offset in a, offset in b) for rows [begin, end).
  template <class F>
  void for_rows(int64_t begin, int64_t end, F&& f) const {
    std::array<int64_t, Shape::max_rank> index{};
    int64_t rest = begin, ia = 0, ib = 0;
    for (int i = rank_ - 1; i >= 0; --i) {
      index[size_t(i)] = rest % dims_[size_t(i)];
      rest /= dims_[size_t(i)];
      ia += index[size_t(i)] * a_strides_[size_t(i)];
      ib += index[size_t(i)] * b_strides_[size_t(i)];
    }
    for (int64_t row = begin; row < end; ++row) {
      f(row, ia, ib);
      for (int i = rank_ - 1; i >= 0; --i) {
        auto k = size_t(i);
        ia += a_strides_[k];
        ib += b_strides_[k];
        if (++index[k] < dims_[k]) break;
        ia -= a_strides_[k] * dims_[k];
        ib -= b_strides_[k] * dims_[k];
        index[k] = 0;
      }
    }
  }

 private:
  int rank_ = 0;  // of the rows' index
  std::array<int64_t, Shape::max_rank> dims_{}, a_strides_{}, b_strides_{};
  int64_t outer_ = 1, inner_ = 1, a_step_ = 1, b_step_ = 1;
};

}  // namespace fovea::cpu
