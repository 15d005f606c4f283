#include "fovea/backend/ref/norm.h"

#include <algorithm>
#include <cmath>

#include "fovea/backend/ref/ref.h"
#include "fovea/ops/norm.h"

namespace fovea::ref {

namespace {

size_t rows_of(const Tensor& x) {
  size_t rows = 1;
  for (int i = 0; i + 1 < x.rank(); ++i) rows *= size_t(x.shape()[i]);
  return rows;
}

struct Moments {
  double mean = 0, var = 0;
};

// Of n values at(0..n-1), in two passes.
template <class F>
Moments moments(size_t n, F&& at) {
  Moments m;
  if (n == 0) return m;
  for (size_t i = 0; i < n; ++i) m.mean += double(at(i));
  m.mean /= double(n);
  for (size_t i = 0; i < n; ++i) m.var += (double(at(i)) - m.mean) * (double(at(i)) - m.mean);
  m.var /= double(n);
  return m;
}

}  // namespace

void batch_norm_train(
    const Primitive& primitive, std::span<const Tensor> in, std::span<Tensor> out, Run&) {
  const BatchNormOptions& o = static_cast<const BatchNormTrain&>(primitive).options();
  size_t rows = rows_of(in[0]), channels = size_t(in[0].dim(-1));
  visit_real(in[0].dtype(), [&]<class T>() {
    auto x = in[0].data<T>(), gamma = in[1].data<T>(), beta = in[2].data<T>();
    auto old_mean = in[3].data<T>(), old_var = in[4].data<T>();
    auto residual = in.size() > 5 ? in[5].data<T>() : std::span<const T>();
    auto y = out[0].mutable_data<T>(), mean = out[1].mutable_data<T>();
    auto rstd = out[2].mutable_data<T>();
    auto new_mean = out[3].mutable_data<T>(), new_var = out[4].mutable_data<T>();
    for (size_t c = 0; c < channels; ++c) {
      Moments m = moments(rows, [&](size_t r) { return x[r * channels + c]; });
      double scale = 1 / std::sqrt(m.var + o.eps);
      mean[c] = T(m.mean);
      rstd[c] = T(scale);
      // An empty batch leaves the running statistics alone.
      double weight = rows ? o.momentum : 0,
             bessel = rows > 1 ? double(rows) / double(rows - 1) : 1;
      new_mean[c] = T((1 - weight) * double(old_mean[c]) + weight * m.mean);
      new_var[c] = T((1 - weight) * double(old_var[c]) + weight * m.var * bessel);
      for (size_t i = c; i < rows * channels; i += channels) {
        double v = (double(x[i]) - m.mean) * scale * double(gamma[c]) + double(beta[c]);
        if (!residual.empty()) v += double(residual[i]);
        y[i] = T(o.relu && v < 0 ? 0 : v);
      }
    }
  });
}

void batch_norm_backward(
    const Primitive& primitive, std::span<const Tensor> in, std::span<Tensor> out, Run&) {
  using Mask = BatchNormBackward::Mask;
  Mask mask = static_cast<const BatchNormBackward&>(primitive).mask();
  size_t rows = rows_of(in[0]), channels = size_t(in[0].dim(-1));
  visit_real(in[0].dtype(), [&]<class T>() {
    auto x = in[0].data<T>(), gamma = in[1].data<T>(), beta = in[2].data<T>();
    auto mean = in[3].data<T>(), rstd = in[4].data<T>(), dy = in[5].data<T>();
    auto y = mask == Mask::from_y ? in[6].data<T>() : std::span<const T>();
    auto dx = out[0].mutable_data<T>(), dgamma = out[1].mutable_data<T>();
    auto dbeta = out[2].mutable_data<T>();
    auto dresidual = mask == Mask::from_y ? out[3].mutable_data<T>() : std::span<T>();
    for (size_t c = 0; c < channels; ++c) {
      double g = double(gamma[c]), m = double(mean[c]), s = double(rstd[c]);
      auto xhat = [&](size_t i) { return (double(x[i]) - m) * s; };
      auto passed = [&](size_t i) {
        bool open = mask == Mask::none     ? true
                    : mask == Mask::from_y ? y[i] > 0
                                           : g * xhat(i) + double(beta[c]) > 0;
        return open ? double(dy[i]) : 0.0;
      };
      double sum = 0, dot = 0;
      for (size_t i = c; i < rows * channels; i += channels) {
        sum += passed(i);
        dot += passed(i) * xhat(i);
      }
      dgamma[c] = T(dot);
      dbeta[c] = T(sum);
      for (size_t i = c; i < rows * channels; i += channels) {
        dx[i] = T(g * s * (passed(i) - (sum + xhat(i) * dot) / double(rows)));
        if (!dresidual.empty()) dresidual[i] = T(passed(i));
      }
    }
  });
}

void scale_shift(
    const Primitive& primitive, std::span<const Tensor> in, std::span<Tensor> out, Run&) {
  bool relu = static_cast<const ScaleShift&>(primitive).relu();
  size_t channels = size_t(in[0].dim(-1));
  visit_real(in[0].dtype(), [&]<class T>() {
    auto x = in[0].data<T>(), scale = in[1].data<T>(), shift = in[2].data<T>();
    auto residual = in.size() > 3 ? in[3].data<T>() : std::span<const T>();
    auto y = out[0].mutable_data<T>();
    for (size_t i = 0; i < x.size(); ++i) {
      double v = double(x[i]) * double(scale[i % channels]) + double(shift[i % channels]);
      if (!residual.empty()) v += double(residual[i]);
      y[i] = T(relu && v < 0 ? 0 : v);
    }
  });
}

void group_norm(
    const Primitive& primitive, std::span<const Tensor> in, std::span<Tensor> out, Run&) {
  const auto& p = static_cast<const GroupNorm&>(primitive);
  auto samples = size_t(in[0].dim(0)), pixels = size_t(in[0].dim(1)),
       channels = size_t(in[0].dim(2));
  auto groups = size_t(p.groups()), run = channels / groups;
  visit_real(in[0].dtype(), [&]<class T>() {
    auto x = in[0].data<T>(), gamma = in[1].data<T>(), beta = in[2].data<T>();
    auto y = out[0].mutable_data<T>(), mean = out[1].mutable_data<T>();
    auto rstd = out[2].mutable_data<T>();
    for (size_t k = 0; k < samples * groups; ++k) {
      size_t first = k / groups * pixels * channels + k % groups * run;
      auto place = [&](size_t i) { return first + i / run * channels + i % run; };
      Moments m = moments(pixels * run, [&](size_t i) { return x[place(i)]; });
      double scale = 1 / std::sqrt(m.var + p.eps());
      mean[k] = T(m.mean);
      rstd[k] = T(scale);
      for (size_t i = 0; i < pixels * run; ++i) {
        size_t c = k % groups * run + i % run;
        y[place(i)] =
            T((double(x[place(i)]) - m.mean) * scale * double(gamma[c]) + double(beta[c]));
      }
    }
  });
}

void group_norm_backward(
    const Primitive& primitive, std::span<const Tensor> in, std::span<Tensor> out, Run&) {
  auto samples = size_t(in[0].dim(0)), pixels = size_t(in[0].dim(1)),
       channels = size_t(in[0].dim(2));
  auto groups = size_t(static_cast<const GroupNormBackward&>(primitive).groups());
  size_t run = channels / groups;
  visit_real(in[0].dtype(), [&]<class T>() {
    auto x = in[0].data<T>(), gamma = in[1].data<T>(), mean = in[2].data<T>();
    auto rstd = in[3].data<T>(), dy = in[4].data<T>();
    auto dx = out[0].mutable_data<T>();
    std::vector<double> dgamma(channels, 0), dbeta(channels, 0);
    for (size_t k = 0; k < samples * groups; ++k) {
      size_t first = k / groups * pixels * channels + k % groups * run;
      auto place = [&](size_t i) { return first + i / run * channels + i % run; };
      auto channel = [&](size_t i) { return k % groups * run + i % run; };
      auto xhat = [&](size_t i) {
        return (double(x[place(i)]) - double(mean[k])) * double(rstd[k]);
      };
      auto h = [&](size_t i) { return double(gamma[channel(i)]) * double(dy[place(i)]); };
      double sum = 0, dot = 0, n = double(pixels * run);
      for (size_t i = 0; i < pixels * run; ++i) {
        sum += h(i);
        dot += h(i) * xhat(i);
        dgamma[channel(i)] += double(dy[place(i)]) * xhat(i);
        dbeta[channel(i)] += double(dy[place(i)]);
      }
      for (size_t i = 0; i < pixels * run; ++i)
        dx[place(i)] = T(double(rstd[k]) * (h(i) - (sum + xhat(i) * dot) / n));
    }
    std::ranges::transform(dgamma, out[1].mutable_data<T>().begin(), [](double v) { return T(v); });
    std::ranges::transform(dbeta, out[2].mutable_data<T>().begin(), [](double v) { return T(v); });
  });
}

void channel_window_sum(
    const Primitive& primitive, std::span<const Tensor> in, std::span<Tensor> out, Run&) {
  const auto& p = static_cast<const ChannelWindowSum&>(primitive);
  int64_t channels = in[0].dim(-1);
  visit_real(in[0].dtype(), [&]<class T>() {
    auto x = in[0].data<T>();
    auto y = out[0].mutable_data<T>();
    for (int64_t i = 0; i < int64_t(x.size()); ++i) {
      int64_t c = i % channels, row = i - c;
      int64_t last = std::min<int64_t>(channels - 1, c + p.after());
      double sum = 0;
      for (int64_t k = std::max<int64_t>(0, c - p.before()); k <= last; ++k)
        sum += double(x[size_t(row + k)]);
      y[size_t(i)] = T(sum);
    }
  });
}

void register_norm(KernelTable& table) {
  table.add<BatchNormTrain>(Device::ref, batch_norm_train);
  table.add<BatchNormBackward>(Device::ref, batch_norm_backward);
  table.add<ScaleShift>(Device::ref, scale_shift);
  table.add<GroupNorm>(Device::ref, group_norm);
  table.add<GroupNormBackward>(Device::ref, group_norm_backward);
  table.add<ChannelWindowSum>(Device::ref, channel_window_sum);
}

}  // namespace fovea::ref
