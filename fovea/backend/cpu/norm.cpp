#include "fovea/backend/ref/norm.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "fovea/backend/cpu/channels.h"
#include "fovea/backend/cpu/cpu.h"
#include "fovea/backend/cpu/parallel.h"
#include "fovea/ops/norm.h"

namespace fovea::cpu {

namespace {

constexpr int64_t block_size = 8 * 1024;   // elements of a block, to stay in the first-level cache
constexpr int64_t block_rows = 32;         // at least, so that partial sums stay few beside them
constexpr int64_t grain = 2 * block_size;  // elements a thread should have at least

// x (samples, rows, channels) cut into blocks of rows. Rows that do not fill whole vectors are
// taken several at a time as one wide row, whose column j holds channel j % channels. The cut
// depends on the shape alone, so sums over blocks in their order do not depend on the number of
// threads.
class Blocks {
 public:
  Blocks(int64_t samples, int64_t rows, int64_t channels)
      : samples_(samples), rows_(rows), channels_(channels) {
    int64_t joined = 16 / std::gcd<int64_t>(channels, 16);
    while (joined * channels < 64) joined *= 2;
    width_ = joined * channels;
    wide_rows_ = rows / joined;
    rest_ = rows % joined;
    rows_per_block_ = std::max(block_rows, block_size / width_);
    per_sample_ = (wide_rows_ + rows_per_block_ - 1) / rows_per_block_ + (rest_ > 0);
  }

  struct Block {
    int64_t sample, offset, rows, width;
  };
  Block operator[](int64_t i) const {
    int64_t sample = i / per_sample_, k = i % per_sample_, first = k * rows_per_block_;
    int64_t offset = sample * rows_ * channels_ + first * width_;
    if (first < wide_rows_)
      return {sample, offset, std::min(rows_per_block_, wide_rows_ - first), width_};
    return {sample, (sample + 1) * rows_ * channels_ - rest_ * channels_, 1, rest_ * channels_};
  }
  int64_t samples() const { return samples_; }
  int64_t channels() const { return channels_; }
  int64_t width() const { return width_; }
  int64_t per_sample() const { return per_sample_; }
  int64_t count() const { return samples_ * per_sample_; }

  // Calls f(i, block) on all threads. A second pass over the same data goes backwards, so that it
  // begins with what the first left in the cache.
  template <class F>
  void for_each(bool backwards, F&& f) const {
    int64_t size = std::max<int64_t>(1, rows_ * channels_ / std::max<int64_t>(per_sample_, 1));
    parallel_for(count(), std::max<int64_t>(1, grain / size), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        int64_t k = backwards ? begin + end - 1 - i : i;
        f(k, (*this)[k]);
      }
    });
  }

  // The sum per channel of f(block, i * width() + j, j) over the blocks i of a sample and columns
  // j.
  template <class F>
  std::vector<double> fold(int64_t sample, F&& f) const {
    std::vector<double> columns(size_t(width_), 0), sums(size_t(channels_), 0);
    for (int64_t i = sample * per_sample_; i < (sample + 1) * per_sample_; ++i) {
      Block b = (*this)[i];
      for (int64_t j = 0; j < b.width; ++j) columns[size_t(j)] += f(b, i * width_ + j, j);
    }
    for (int64_t j = 0; j < width_; ++j) sums[size_t(j % channels_)] += columns[size_t(j)];
    return sums;
  }

 private:
  int64_t samples_, rows_, channels_, width_, wide_rows_, rest_, rows_per_block_, per_sample_;
};

int64_t rows_of(const Tensor& x) {
  int64_t rows = 1;
  for (int i = 0; i + 1 < x.rank(); ++i) rows *= x.shape()[i];
  return rows;
}

// Coefficients per (sample, column).
struct Coefficients {
  Coefficients(const Blocks& blocks, Run& run)
      : width(blocks.width()),
        channels(blocks.channels()),
        values(run.scratch.get<float>(size_t(blocks.samples() * width))) {}
  template <class F>
  void set(int64_t sample, F&& of_channel) {
    float* row = values.data() + sample * width;
    for (int64_t c = 0; c < channels; ++c) row[c] = float(of_channel(c));
    for (int64_t j = channels; j < width; ++j) row[j] = row[j - channels];
  }
  const float* at(int64_t sample) const { return values.data() + sample * width; }

  int64_t width, channels;
  std::span<float> values;
};

struct Moments {
  std::vector<double> mean, var;  // (samples, groups)
};

Moments moments_of(const Blocks& blocks, const float* x, int64_t groups, int64_t rows, Run& run) {
  int64_t width = blocks.width(), channels = blocks.channels(), per_group = channels / groups;
  auto size = size_t(blocks.count() * width);
  std::span<float> mean = run.scratch.get<float>(size), rest = run.scratch.get<float>(size);
  std::span<float> m2 = run.scratch.get<float>(size);
  blocks.for_each(false, [&](int64_t i, const Blocks::Block& b) {
    ColumnMoments to{mean.data() + i * width, rest.data() + i * width, m2.data() + i * width};
    column_moments(x + b.offset, b.rows, b.width, to);
  });

  Moments m{
      std::vector<double>(size_t(blocks.samples() * groups), 0),
      std::vector<double>(size_t(blocks.samples() * groups), 0)};
  if (rows == 0) return m;
  double share = 1 / double(rows * per_group);
  parallel_for(blocks.samples(), 1, [&](int64_t begin, int64_t end) {
    for (int64_t s = begin; s < end; ++s) {
      double *to_mean = m.mean.data() + s * groups, *to_var = m.var.data() + s * groups;
      auto total = blocks.fold(s, [&](const Blocks::Block& b, int64_t k, int64_t) {
        return double(b.rows) * (double(mean[size_t(k)]) + double(rest[size_t(k)]));
      });
      for (int64_t c = 0; c < channels; ++c) to_mean[c / per_group] += total[size_t(c)] * share;
      // Around the joint mean, the squares of a block are its own and those of its distance.
      std::vector<double> joint(static_cast<size_t>(width));
      for (int64_t j = 0; j < width; ++j) joint[size_t(j)] = to_mean[j % channels / per_group];
      auto squares = blocks.fold(s, [&](const Blocks::Block& b, int64_t k, int64_t j) {
        double away = double(mean[size_t(k)]) - joint[size_t(j)] + double(rest[size_t(k)]);
        return double(m2[size_t(k)]) + double(b.rows) * away * away;
      });
      for (int64_t c = 0; c < channels; ++c) to_var[c / per_group] += squares[size_t(c)] * share;
    }
  });
  return m;
}

struct Affine {
  const float *gamma, *beta, *residual;
  bool relu;
};

// y = [relu](gamma (x - mean) / sqrt(var + eps) + beta [+ residual]); float's share of the mean is
// subtracted first and the rest goes into the shift.
void normalize(
    const Blocks& blocks,
    const float* x,
    const Moments& m,
    int64_t groups,
    double eps,
    const Affine& affine,
    float* y,
    Run& run) {
  Coefficients mean(blocks, run), scale(blocks, run), shift(blocks, run);
  int64_t per_group = blocks.channels() / groups;
  for (int64_t s = 0; s < blocks.samples(); ++s) {
    const double *mu = m.mean.data() + s * groups, *var = m.var.data() + s * groups;
    auto factor = [&](int64_t c) {
      return double(affine.gamma[c]) / std::sqrt(var[c / per_group] + eps);
    };
    mean.set(s, [&](int64_t c) { return mu[c / per_group]; });
    scale.set(s, factor);
    shift.set(s, [&](int64_t c) {
      double lost = mu[c / per_group] - double(float(mu[c / per_group]));
      return double(affine.beta[c]) - lost * factor(c);
    });
  }
  blocks.for_each(true, [&](int64_t, const Blocks::Block& b) {
    const float* residual = affine.residual ? affine.residual + b.offset : nullptr;
    scale_shift_rows(
        {x + b.offset,
         residual,
         mean.at(b.sample),
         scale.at(b.sample),
         shift.at(b.sample),
         y + b.offset,
         affine.relu},
        b.rows,
        b.width);
  });
}

struct NormGradient {
  const float *x, *gamma, *beta, *mean, *rstd, *dy, *y;  // mean, rstd (samples, groups)
  Gate gate;
  float *dx, *dgamma, *dbeta, *dresidual;
};

// With h = gamma g, xhat = (x - mean) rstd and means over the m elements of a group,
// dx = rstd (h - mean h - xhat mean(h xhat)), written as a g + b (x - mean) + c per channel.
void differentiate(
    const Blocks& blocks, const NormGradient& n, int64_t groups, int64_t rows, Run& run) {
  int64_t width = blocks.width(), channels = blocks.channels(), per_group = channels / groups;
  Coefficients mean(blocks, run), scale(blocks, run), shift(blocks, run);
  for (int64_t s = 0; s < blocks.samples(); ++s) {
    mean.set(s, [&](int64_t c) { return n.mean[s * groups + c / per_group]; });
    if (n.gate != Gate::from_x) continue;
    scale.set(s, [&](int64_t c) { return n.gamma[c] * n.rstd[s * groups + c / per_group]; });
    shift.set(s, [&](int64_t c) { return n.beta[c]; });
  }
  auto args = [&](const Blocks::Block& b) {
    return GradientArgs{
        n.x + b.offset,
        n.dy + b.offset,
        n.y ? n.y + b.offset : nullptr,
        n.gate,
        mean.at(b.sample),
        scale.at(b.sample),
        shift.at(b.sample)};
  };

  auto size = size_t(blocks.count() * width);
  std::span<float> sum = run.scratch.get<float>(size), dot = run.scratch.get<float>(size);
  blocks.for_each(false, [&](int64_t i, const Blocks::Block& b) {
    gradient_sums(args(b), b.rows, b.width, sum.data() + i * width, dot.data() + i * width);
  });

  Coefficients a(blocks, run), b(blocks, run), c(blocks, run);
  std::vector<double> dgamma(size_t(channels), 0), dbeta(size_t(channels), 0);
  std::vector<double> mean_h, mean_hx;
  double share = 1 / double(std::max<int64_t>(rows * per_group, 1));
  for (int64_t s = 0; s < blocks.samples(); ++s) {
    const float* rstd = n.rstd + s * groups;
    auto sums = blocks.fold(s, [&](auto&, int64_t k, int64_t) { return double(sum[size_t(k)]); });
    auto dots = blocks.fold(s, [&](auto&, int64_t k, int64_t) { return double(dot[size_t(k)]); });
    mean_h.assign(size_t(groups), 0);
    mean_hx.assign(size_t(groups), 0);
    for (int64_t k = 0; k < channels; ++k) {
      int64_t g = k / per_group;
      double of_xhat = dots[size_t(k)] * double(rstd[g]);
      dgamma[size_t(k)] += of_xhat;
      dbeta[size_t(k)] += sums[size_t(k)];
      mean_h[size_t(g)] += double(n.gamma[k]) * sums[size_t(k)] * share;
      mean_hx[size_t(g)] += double(n.gamma[k]) * of_xhat * share;
    }
    auto of = [&](int64_t k) { return double(rstd[k / per_group]); };
    a.set(s, [&](int64_t k) { return double(n.gamma[k]) * of(k); });
    b.set(s, [&](int64_t k) { return -of(k) * of(k) * mean_hx[size_t(k / per_group)]; });
    c.set(s, [&](int64_t k) { return -of(k) * mean_h[size_t(k / per_group)]; });
  }
  std::ranges::copy(dgamma, n.dgamma);
  std::ranges::copy(dbeta, n.dbeta);

  blocks.for_each(true, [&](int64_t, const Blocks::Block& k) {
    float* dresidual = n.dresidual ? n.dresidual + k.offset : nullptr;
    GradientOut out{a.at(k.sample), b.at(k.sample), c.at(k.sample), n.dx + k.offset, dresidual};
    gradient_rows(args(k), out, k.rows, k.width);
  });
}

const float* read(const Tensor& t) { return t.data<float>().data(); }
float* write(Tensor& t) { return t.mutable_data<float>().data(); }

void batch_norm_train(
    const Primitive& primitive, std::span<const Tensor> in, std::span<Tensor> out, Run& run) {
  if (in[0].dtype() != Dtype::f32) return ref::batch_norm_train(primitive, in, out, run);
  const BatchNormOptions& o = static_cast<const BatchNormTrain&>(primitive).options();
  int64_t rows = rows_of(in[0]), channels = in[0].dim(-1);
  Blocks blocks(1, rows, channels);
  Moments m = moments_of(blocks, read(in[0]), channels, rows, run);
  const float* residual = in.size() > 5 ? read(in[5]) : nullptr;
  Affine affine{read(in[1]), read(in[2]), residual, o.relu};
  normalize(blocks, read(in[0]), m, channels, o.eps, affine, write(out[0]), run);

  auto old_mean = in[3].data<float>(), old_var = in[4].data<float>();
  auto mean = out[1].mutable_data<float>(), rstd = out[2].mutable_data<float>();
  auto new_mean = out[3].mutable_data<float>(), new_var = out[4].mutable_data<float>();
  double weight = rows ? o.momentum : 0, bessel = rows > 1 ? double(rows) / double(rows - 1) : 1;
  for (size_t c = 0; c < size_t(channels); ++c) {
    mean[c] = float(m.mean[c]);
    rstd[c] = float(1 / std::sqrt(m.var[c] + o.eps));
    new_mean[c] = float((1 - weight) * double(old_mean[c]) + weight * m.mean[c]);
    new_var[c] = float((1 - weight) * double(old_var[c]) + weight * m.var[c] * bessel);
  }
}

void batch_norm_backward(
    const Primitive& primitive, std::span<const Tensor> in, std::span<Tensor> out, Run& run) {
  if (in[0].dtype() != Dtype::f32) return ref::batch_norm_backward(primitive, in, out, run);
  using Mask = BatchNormBackward::Mask;
  Mask mask = static_cast<const BatchNormBackward&>(primitive).mask();
  int64_t rows = rows_of(in[0]), channels = in[0].dim(-1);
  NormGradient n{
      .x = read(in[0]),
      .gamma = read(in[1]),
      .beta = read(in[2]),
      .mean = read(in[3]),
      .rstd = read(in[4]),
      .dy = read(in[5]),
      .y = mask == Mask::from_y ? read(in[6]) : nullptr,
      .gate = mask == Mask::none     ? Gate::open
              : mask == Mask::from_x ? Gate::from_x
                                     : Gate::from_y,
      .dx = write(out[0]),
      .dgamma = write(out[1]),
      .dbeta = write(out[2]),
      .dresidual = mask == Mask::from_y ? write(out[3]) : nullptr};
  differentiate(Blocks(1, rows, channels), n, channels, rows, run);
}

void scale_shift(
    const Primitive& primitive, std::span<const Tensor> in, std::span<Tensor> out, Run& run) {
  if (in[0].dtype() != Dtype::f32) return ref::scale_shift(primitive, in, out, run);
  bool relu = static_cast<const ScaleShift&>(primitive).relu();
  Blocks blocks(1, rows_of(in[0]), in[0].dim(-1));
  Coefficients zero(blocks, run), scale(blocks, run), shift(blocks, run);
  zero.set(0, [](int64_t) { return 0; });
  scale.set(0, [a = read(in[1])](int64_t c) { return a[c]; });
  shift.set(0, [b = read(in[2])](int64_t c) { return b[c]; });
  const float *x = read(in[0]), *residual = in.size() > 3 ? read(in[3]) : nullptr;
  float* y = write(out[0]);
  blocks.for_each(false, [&](int64_t, const Blocks::Block& b) {
    const float* r = residual ? residual + b.offset : nullptr;
    scale_shift_rows(
        {x + b.offset, r, zero.at(0), scale.at(0), shift.at(0), y + b.offset, relu},
        b.rows,
        b.width);
  });
}

// One group over one pixel is layer norm: whole rows, better taken one at a time.
bool is_layer_norm(const Tensor& x, int groups) { return x.dim(1) == 1 && groups == 1; }

void group_norm(
    const Primitive& primitive, std::span<const Tensor> in, std::span<Tensor> out, Run& run) {
  if (in[0].dtype() != Dtype::f32) return ref::group_norm(primitive, in, out, run);
  const auto& p = static_cast<const GroupNorm&>(primitive);
  int64_t samples = in[0].dim(0), rows = in[0].dim(1), channels = in[0].dim(2);
  const float *x = read(in[0]), *gamma = read(in[1]), *beta = read(in[2]);
  float *y = write(out[0]), *mean = write(out[1]), *rstd = write(out[2]);
  if (is_layer_norm(in[0], p.groups())) {
    parallel_for(samples, grain / std::max<int64_t>(channels, 1), [&](int64_t begin, int64_t end) {
      int64_t i = begin * channels;
      LayerArgs args{x + i, gamma, beta, y + i, mean + begin, rstd + begin, float(p.eps())};
      layer_rows(args, end - begin, channels);
    });
    return;
  }
  Blocks blocks(samples, rows, channels);
  Moments m = moments_of(blocks, x, p.groups(), rows, run);
  normalize(blocks, x, m, p.groups(), p.eps(), {gamma, beta, nullptr, false}, y, run);
  for (size_t i = 0; i < m.mean.size(); ++i) {
    mean[i] = float(m.mean[i]);
    rstd[i] = float(1 / std::sqrt(m.var[i] + p.eps()));
  }
}

void group_norm_backward(
    const Primitive& primitive, std::span<const Tensor> in, std::span<Tensor> out, Run& run) {
  if (in[0].dtype() != Dtype::f32) return ref::group_norm_backward(primitive, in, out, run);
  int groups = static_cast<const GroupNormBackward&>(primitive).groups();
  int64_t samples = in[0].dim(0), rows = in[0].dim(1), channels = in[0].dim(2);
  const float *x = read(in[0]), *gamma = read(in[1]), *mean = read(in[2]), *rstd = read(in[3]);
  const float* dy = read(in[4]);
  float *dx = write(out[0]), *dgamma = write(out[1]), *dbeta = write(out[2]);
  if (!is_layer_norm(in[0], groups)) {
    NormGradient n{
        .x = x,
        .gamma = gamma,
        .beta = nullptr,
        .mean = mean,
        .rstd = rstd,
        .dy = dy,
        .y = nullptr,
        .gate = Gate::open,
        .dx = dx,
        .dgamma = dgamma,
        .dbeta = dbeta,
        .dresidual = nullptr};
    return differentiate(Blocks(samples, rows, channels), n, groups, rows, run);
  }
  // Each chunk of rows has its own sums for gamma and beta, added up in order.
  int64_t per_chunk = std::max<int64_t>(64, grain / std::max<int64_t>(channels, 1));
  int64_t chunks = (samples + per_chunk - 1) / per_chunk;
  std::span<float> partial = run.scratch.get<float>(size_t(2 * chunks * channels));
  std::ranges::fill(partial, 0.0f);
  parallel_for(chunks, 1, [&](int64_t begin, int64_t end) {
    for (int64_t k = begin; k < end; ++k) {
      int64_t first = k * per_chunk, i = first * channels;
      float *own_dgamma = partial.data() + 2 * k * channels, *own_dbeta = own_dgamma + channels;
      LayerGradientArgs args{
          x + i, gamma, mean + first, rstd + first, dy + i, dx + i, own_dgamma, own_dbeta};
      layer_gradient_rows(args, std::min(per_chunk, samples - first), channels);
    }
  });
  for (int64_t c = 0; c < channels; ++c) {
    double g = 0, b = 0;
    for (int64_t k = 0; k < chunks; ++k) {
      g += double(partial[size_t(2 * k * channels + c)]);
      b += double(partial[size_t((2 * k + 1) * channels + c)]);
    }
    dgamma[c] = float(g);
    dbeta[c] = float(b);
  }
}

void channel_window_sum(
    const Primitive& primitive, std::span<const Tensor> in, std::span<Tensor> out, Run& run) {
  if (in[0].dtype() != Dtype::f32) return ref::channel_window_sum(primitive, in, out, run);
  const auto& p = static_cast<const ChannelWindowSum&>(primitive);
  int64_t channels = in[0].dim(-1), rows = rows_of(in[0]);
  const float* x = read(in[0]);
  float* y = write(out[0]);
  parallel_for(rows, grain / std::max<int64_t>(channels, 1), [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      const float* from = x + r * channels;
      float* to = y + r * channels;
      std::copy_n(from, channels, to);
      for (int64_t shift = -p.before(); shift <= p.after(); ++shift) {
        if (shift == 0) continue;
        int64_t first = std::max<int64_t>(0, -shift), last = std::min(channels, channels - shift);
        for (int64_t c = first; c < last; ++c) to[c] += from[c + shift];
      }
    }
  });
}

}  // namespace

void register_norm(KernelTable& table) {
  table.add<BatchNormTrain>(Device::cpu, batch_norm_train);
  table.add<BatchNormBackward>(Device::cpu, batch_norm_backward);
  table.add<ScaleShift>(Device::cpu, scale_shift);
  table.add<GroupNorm>(Device::cpu, group_norm);
  table.add<GroupNormBackward>(Device::cpu, group_norm_backward);
  table.add<ChannelWindowSum>(Device::cpu, channel_window_sum);
}

}  // namespace fovea::cpu
