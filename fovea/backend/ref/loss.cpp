#include "fovea/backend/ref/loss.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include <fmt/format.h>

#include "fovea/backend/ref/ref.h"
#include "fovea/ops/loss.h"

namespace fovea::ref {

namespace {

void check_labels(
    const Primitive& primitive, std::span<const Tensor> in, std::span<Tensor> out, Run&) {
  const auto& p = static_cast<const CheckLabels&>(primitive);
  auto y = out[0].mutable_data<int32_t>();
  auto check = [&]<class T>(std::span<const T> labels) {
    for (size_t i = 0; i < labels.size(); ++i) {
      int64_t label = labels[i];
      if (label != p.ignore() && (label < 0 || label >= p.classes()))
        throw std::invalid_argument(fmt::format(
            "expected labels in 0..{}, got {} at sample {}", p.classes() - 1, label, i));
      y[i] = int32_t(label);
    }
  };
  if (in[0].dtype() == Dtype::i64)
    check(in[0].data<int64_t>());
  else
    check(in[0].data<int32_t>());
}

}  // namespace

void cross_entropy(
    const Primitive& primitive, std::span<const Tensor> in, std::span<Tensor> out, Run&) {
  CrossEntropyTerms terms = static_cast<const SoftmaxCrossEntropy&>(primitive).terms();
  auto classes = size_t(in[0].dim(1));
  auto labels = in[1].data<int32_t>();
  visit_real(in[0].dtype(), [&]<class T>() {
    auto weights = in.size() > 2 ? in[2].data<T>() : std::span<const T>();
    auto loss = out[0].mutable_data<T>(), lse = out[1].mutable_data<T>();
    auto weight = out[2].mutable_data<T>();
    for (size_t i = 0; i < labels.size(); ++i) {
      auto f = in[0].data<T>().subspan(i * classes, classes);
      double top = double(*std::ranges::max_element(f)), total = 0;
      if (std::isinf(top)) top = 0;
      for (T v : f) total += std::exp(double(v) - top);
      double of_lse = top + std::log(total), sum = 0;
      bool counts = labels[i] != terms.ignore;
      for (size_t c = 0; counts && c < classes; ++c) {
        double w = weights.empty() ? 1 : double(weights[c]);
        double q =
            (c == size_t(labels[i]) ? 1 - terms.smoothing : 0) + terms.smoothing / double(classes);
        if (q != 0) sum += w * q * (of_lse - double(f[c]));
      }
      loss[i] = T(sum);
      lse[i] = T(of_lse);
      weight[i] = !counts ? T(0) : weights.empty() ? T(1) : weights[size_t(labels[i])];
    }
  });
}

void cross_entropy_backward(
    const Primitive& primitive, std::span<const Tensor> in, std::span<Tensor> out, Run&) {
  CrossEntropyTerms terms = static_cast<const SoftmaxCrossEntropyBackward&>(primitive).terms();
  auto classes = size_t(in[0].dim(1));
  auto labels = in[1].data<int32_t>();
  visit_real(in[0].dtype(), [&]<class T>() {
    auto f = in[0].data<T>(), lse = in[2].data<T>(), dloss = in[4].data<T>();
    auto weights = in.size() > 5 ? in[5].data<T>() : std::span<const T>();
    auto df = out[0].mutable_data<T>();
    for (size_t i = 0; i < labels.size(); ++i) {
      auto q = [&](size_t c) {
        if (labels[i] == terms.ignore) return 0.0;
        double w = weights.empty() ? 1 : double(weights[c]);
        return w * ((c == size_t(labels[i]) ? 1 - terms.smoothing : 0) +
                    terms.smoothing / double(classes));
      };
      double total = 0;
      for (size_t c = 0; c < classes; ++c) total += q(c);
      for (size_t c = 0; c < classes; ++c) {
        size_t k = i * classes + c;
        double p = std::exp(double(f[k]) - double(lse[i]));
        df[k] = T(total == 0 ? 0 : double(dloss[i]) * (total * p - q(c)));
      }
    }
  });
}

void register_loss(KernelTable& table) {
  table.add<CheckLabels>(Device::ref, check_labels);
  table.add<SoftmaxCrossEntropy>(Device::ref, cross_entropy);
  table.add<SoftmaxCrossEntropyBackward>(Device::ref, cross_entropy_backward);
}

}  // namespace fovea::ref
