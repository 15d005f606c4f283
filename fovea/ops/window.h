#pragma once

#include <cstdint>

namespace fovea {

// A sliding window along one axis. A dilation of 1 is dense: taps are `dilation` elements apart.
struct Window {
  int64_t kernel = 1, stride = 1, before = 0, after = 0, dilation = 1;

  int64_t extent() const { return dilation * (kernel - 1) + 1; }  // from first to last tap
  int64_t first(int64_t i) const { return i * stride - before; }  // where window i begins
};

// What to do when the last step does not end at the edge: leave the rest out, add a window that
// hangs over it (as PyTorch does: only one that begins inside the input or the padding before it),
// or throw.
enum class Rounding : uint8_t { floor, ceil, exact };

// How many windows fit: (size + before + after - extent) / stride + 1, rounded. Throws, naming `op`
// and `axis`, on a window larger than the padded input and on options out of range.
int64_t window_count(
    int64_t size, const Window& w, Rounding rounding, const char* op, const char* axis);

}  // namespace fovea
