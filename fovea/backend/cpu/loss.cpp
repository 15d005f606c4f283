#include "fovea/ops/loss.h"

#include <algorithm>

#include "fovea/backend/cpu/cpu.h"
#include "fovea/backend/cpu/parallel.h"
#include "fovea/backend/cpu/softmax_rows.h"
#include "fovea/backend/ref/loss.h"

namespace fovea::cpu {

namespace {

constexpr int64_t grain = 8 * 1024;  // elements a thread should have at least

CrossEntropyArgs args_of(
    const CrossEntropyTerms& terms, std::span<const Tensor> in, size_t weights) {
  return {
      .x = in[0].data<float>().data(),
      .labels = in[1].data<int32_t>().data(),
      .weights = in.size() > weights ? in[weights].data<float>().data() : nullptr,
      .hard = float(1 - terms.smoothing),
      .even = float(terms.smoothing / double(in[0].dim(1))),
      .ignore = terms.ignore};
}

void cross_entropy(
    const Primitive& primitive, std::span<const Tensor> in, std::span<Tensor> out, Run& run) {
  if (in[0].dtype() != Dtype::f32) return ref::cross_entropy(primitive, in, out, run);
  CrossEntropyArgs all = args_of(static_cast<const SoftmaxCrossEntropy&>(primitive).terms(), in, 2);
  int64_t rows = in[0].dim(0), n = in[0].dim(1);
  float* loss = out[0].mutable_data<float>().data();
  float* lse = out[1].mutable_data<float>().data();
  float* weight = out[2].mutable_data<float>().data();
  parallel_for(rows, std::max<int64_t>(1, grain / n), [&](int64_t begin, int64_t end) {
    CrossEntropyArgs a = all;
    a.x += begin * n;
    a.labels += begin;
    cross_entropy_rows(a, {loss + begin, lse + begin, weight + begin}, end - begin, n);
  });
}

void cross_entropy_backward(
    const Primitive& primitive, std::span<const Tensor> in, std::span<Tensor> out, Run& run) {
  if (in[0].dtype() != Dtype::f32) return ref::cross_entropy_backward(primitive, in, out, run);
  CrossEntropyArgs all =
      args_of(static_cast<const SoftmaxCrossEntropyBackward&>(primitive).terms(), in, 5);
  int64_t rows = in[0].dim(0), n = in[0].dim(1);
  const float *lse = in[2].data<float>().data(), *dloss = in[4].data<float>().data();
  float* dx = out[0].mutable_data<float>().data();
  parallel_for(rows, std::max<int64_t>(1, grain / n), [&](int64_t begin, int64_t end) {
    CrossEntropyArgs a = all;
    a.x += begin * n;
    a.labels += begin;
    cross_entropy_gradient_rows(a, lse + begin, dloss + begin, dx + begin * n, end - begin, n);
  });
}

}  // namespace

void register_loss(KernelTable& table) {
  table.add<SoftmaxCrossEntropy>(Device::cpu, cross_entropy);
  table.add<SoftmaxCrossEntropyBackward>(Device::cpu, cross_entropy_backward);
}

}  // namespace fovea::cpu
