#include "fovea/backend/cpu/broadcast.h"

#include "fovea/backend/ref/index.h"

namespace fovea::cpu {

Broadcast2::Broadcast2(const Shape& a, const Shape& b, const Shape& out) {
  ref::Index sa = ref::broadcast_strides(a, out), sb = ref::broadcast_strides(b, out);
  // Merge from the innermost axis outwards into dims_[0..rank_), innermost first.
  for (int i = out.rank() - 1; i >= 0; --i) {
    auto k = size_t(i);
    if (out[i] == 1) continue;
    if (rank_ > 0) {
      auto last = size_t(rank_ - 1);
      if (sa[k] == a_strides_[last] * dims_[last] && sb[k] == b_strides_[last] * dims_[last]) {
        dims_[last] *= out[i];
        continue;
      }
    }
    auto at = size_t(rank_++);
    dims_[at] = out[i];
    a_strides_[at] = sa[k];
    b_strides_[at] = sb[k];
  }
  if (rank_ > 0) {
    inner_ = dims_[0];
    a_step_ = a_strides_[0];
    b_step_ = b_strides_[0];
  }
  // The rest become the rows' index, outermost first.
  int outer_rank = std::max(rank_ - 1, 0);
  auto dims = dims_, as = a_strides_, bs = b_strides_;
  for (int i = 0; i < outer_rank; ++i) {
    auto to = size_t(i), from = size_t(outer_rank - i);
    dims_[to] = dims[from];
    a_strides_[to] = as[from];
    b_strides_[to] = bs[from];
    outer_ *= dims[from];
  }
  rank_ = outer_rank;
}

}  // namespace fovea::cpu
