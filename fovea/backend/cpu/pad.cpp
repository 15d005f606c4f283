#include "fovea/ops/pad.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "fovea/backend/cpu/copy.h"
#include "fovea/backend/cpu/cpu.h"
#include "fovea/backend/cpu/parallel.h"

namespace fovea::cpu {

namespace {

constexpr int64_t grain_bytes = 64 * 1024;

// Which inner positions each padded position of an axis is tied to, and the other way round.
struct AxisTies {
  std::vector<int64_t> source;               // of each padded position, for reflect and replicate
  std::vector<std::vector<int64_t>> places;  // of each inner position
};

// The axes up to the last padded one; what follows is one run of memory.
struct Ties {
  std::vector<AxisTies> axes;
  int64_t run = 1;

  Ties(PadMode mode, const std::vector<PadWidth>& widths, const Shape& inner) {
    int count = int(widths.size());
    while (count > 0 && widths[size_t(count - 1)] == PadWidth{}) run *= inner[--count];
    for (int i = 0; i < count; ++i) {
      PadWidth w = widths[size_t(i)];
      AxisTies ties;
      ties.places.resize(size_t(inner[i]));
      for (int64_t k = 0; k < inner[i] + w.before + w.after; ++k) {
        ties.source.push_back(padded_source(mode, k, w.before, inner[i]));
        ties.places[size_t(ties.source.back())].push_back(k);
      }
      axes.push_back(std::move(ties));
    }
  }
  int64_t padded_rows() const {
    int64_t n = 1;
    for (const AxisTies& a : axes) n *= int64_t(a.source.size());
    return n;
  }
  int64_t inner_rows() const {
    int64_t n = 1;
    for (const AxisTies& a : axes) n *= int64_t(a.places.size());
    return n;
  }
  // The inner row that a padded row shows.
  int64_t source(int64_t row) const {
    int64_t at = 0, stride = 1;
    for (size_t i = axes.size(); i-- > 0;) {
      auto extent = int64_t(axes[i].source.size());
      at += axes[i].source[size_t(row % extent)] * stride;
      row /= extent;
      stride *= int64_t(axes[i].places.size());
    }
    return at;
  }
  // All padded rows that show an inner row.
  void places(int64_t row, std::vector<int64_t>& rows) const {
    rows.assign(1, 0);
    int64_t stride = 1;
    for (size_t i = axes.size(); i-- > 0;) {
      auto extent = int64_t(axes[i].places.size());
      const auto& here = axes[i].places[size_t(row % extent)];
      size_t known = rows.size();
      for (size_t k = 1; k < here.size(); ++k)
        for (size_t r = 0; r < known; ++r) rows.push_back(rows[r] + here[k] * stride);
      for (size_t r = 0; r < known; ++r) rows[r] += here[0] * stride;
      row /= extent;
      stride *= int64_t(axes[i].source.size());
    }
  }
};

void pad_constant(const Pad& p, const Tensor& x, Tensor& y) {
  visit_dtype(x.dtype(), [&]<class T>() {
    T* to = y.mutable_data<T>().data();
    T value = T(p.options().value);
    parallel_for(y.numel(), grain_bytes / int64_t(sizeof(T)), [&](int64_t begin, int64_t end) {
      std::fill(to + begin, to + end, value);
    });
    CopyStrides strides{x.shape().strides(), y.shape().strides()};
    for (size_t i = 0; i < p.widths().size(); ++i) to += p.widths()[i].before * strides.to[i];
    copy_strided(x.bytes().data(), reinterpret_cast<std::byte*>(to), x.shape(), strides, sizeof(T));
  });
}

void pad_kernel(
    const Primitive& primitive, std::span<const Tensor> in, std::span<Tensor> out, Run&) {
  const auto& p = static_cast<const Pad&>(primitive);
  if (p.options().mode == PadMode::constant) return pad_constant(p, in[0], out[0]);
  Ties ties(p.options().mode, p.widths(), in[0].shape());
  auto bytes = ties.run * int64_t(size_of(in[0].dtype()));
  const std::byte* x = in[0].bytes().data();
  std::byte* y = out[0].mutable_bytes().data();
  if (bytes == 0) return;
  parallel_for(ties.padded_rows(), 1 + grain_bytes / bytes, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row)
      std::memcpy(y + row * bytes, x + ties.source(row) * bytes, size_t(bytes));
  });
}

void pad_grad_kernel(
    const Primitive& primitive, std::span<const Tensor> in, std::span<Tensor> out, Run&) {
  const auto& p = static_cast<const PadGrad&>(primitive);
  Ties ties(p.mode(), p.widths(), out[0].shape());
  if (out[0].numel() == 0) return;
  visit_dtype(in[0].dtype(), [&]<class T>() {
    const T* dy = in[0].data<T>().data();
    T* dx = out[0].mutable_data<T>().data();
    int64_t grain = 1 + grain_bytes / (ties.run * int64_t(sizeof(T)));
    parallel_for(ties.inner_rows(), grain, [&](int64_t begin, int64_t end) {
      std::vector<int64_t> rows;
      for (int64_t row = begin; row < end; ++row) {
        ties.places(row, rows);
        T* sum = dx + row * ties.run;
        std::copy_n(dy + rows[0] * ties.run, ties.run, sum);
        for (size_t r = 1; r < rows.size(); ++r) {
          const T* more = dy + rows[r] * ties.run;
          for (int64_t i = 0; i < ties.run; ++i) sum[i] = T(sum[i] + more[i]);
        }
      }
    });
  });
}

}  // namespace

void register_pad(KernelTable& table) {
  table.add<Pad>(Device::cpu, pad_kernel);
  table.add<PadGrad>(Device::cpu, pad_grad_kernel);
}

}  // namespace fovea::cpu
