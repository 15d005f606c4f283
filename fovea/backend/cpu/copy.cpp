#include "fovea/backend/cpu/copy.h"

#include <cstring>

#include "fovea/backend/cpu/parallel.h"

namespace fovea::cpu {

namespace {

constexpr int64_t grain_bytes = 64 * 1024;

// Axes of extent 1 dropped, and those that both sides walk through alike merged. The last axis
// left is the run; there always is one.
struct Box {
  int rank = 0;
  std::array<int64_t, Shape::max_rank> dims{};
  CopyStrides strides;

  Box(const Shape& shape, const CopyStrides& s) {
    for (int i = 0; i < shape.rank(); ++i) {
      auto k = size_t(i);
      if (shape[i] == 1) continue;
      auto last = size_t(rank - 1);
      if (rank > 0 && strides.from[last] == s.from[k] * shape[i] &&
          strides.to[last] == s.to[k] * shape[i]) {
        dims[last] *= shape[i];
      } else {
        last = size_t(rank++);
        dims[last] = shape[i];
      }
      strides.from[last] = s.from[k];
      strides.to[last] = s.to[k];
    }
    if (rank == 0) {
      rank = 1;
      dims[0] = strides.from[0] = strides.to[0] = 1;
    }
  }
};

template <class T>
void copy_run(const T* from, int64_t from_step, T* to, int64_t to_step, int64_t n) {
  if (from_step == 1 && to_step == 1) {
    std::memcpy(to, from, size_t(n) * sizeof(T));
  } else {
    for (int64_t i = 0; i < n; ++i) to[i * to_step] = from[i * from_step];
  }
}

template <class T>
void copy_box(const T* from, T* to, const Box& box) {
  auto last = size_t(box.rank - 1);
  int64_t run = box.dims[last], total = 1;
  for (int i = 0; i < box.rank; ++i) total *= box.dims[size_t(i)];
  const auto& fs = box.strides.from;
  const auto& ts = box.strides.to;
  // Threads share the elements, not the runs: there may be one long run only.
  parallel_for(total, grain_bytes / int64_t(sizeof(T)), [&](int64_t begin, int64_t end) {
    std::array<int64_t, Shape::max_rank> index{};
    int64_t rest = begin / run, column = begin % run, source = 0, target = 0;
    for (size_t i = last; i-- > 0;) {
      index[i] = rest % box.dims[i];
      rest /= box.dims[i];
      source += index[i] * fs[i];
      target += index[i] * ts[i];
    }
    for (int64_t at = begin; at < end;) {
      int64_t n = std::min(run - column, end - at);
      copy_run(
          from + source + column * fs[last],
          fs[last],
          to + target + column * ts[last],
          ts[last],
          n);
      at += n;
      column = 0;
      for (size_t i = last; i-- > 0;) {
        source += fs[i];
        target += ts[i];
        if (++index[i] < box.dims[i]) break;
        source -= fs[i] * box.dims[i];
        target -= ts[i] * box.dims[i];
        index[i] = 0;
      }
    }
  });
}

template <class T>
void copy_as(const std::byte* from, std::byte* to, const Box& box) {
  copy_box(reinterpret_cast<const T*>(from), reinterpret_cast<T*>(to), box);
}

}  // namespace

void copy_strided(
    const std::byte* from, std::byte* to, const Shape& shape, CopyStrides strides, size_t size) {
  if (shape.numel() == 0) return;
  Box box(shape, strides);
  switch (size) {
    case 1:
      return copy_as<uint8_t>(from, to, box);
    case 2:
      return copy_as<uint16_t>(from, to, box);
    case 4:
      return copy_as<uint32_t>(from, to, box);
    default:
      return copy_as<uint64_t>(from, to, box);
  }
}

}  // namespace fovea::cpu
