// Speed of the heavy ops beside that of the library's matrix product, which bounds them. Each line
// names its shape and reports GFLOP/s (or GB/s for pooling).
#include <functional>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>
#include <oneapi/dnnl/dnnl.h>

#include "fovea/core/eval.h"
#include "fovea/core/node.h"
#include "fovea/ops/conv.h"
#include "fovea/ops/create.h"
#include "fovea/ops/matmul.h"
#include "fovea/ops/pool.h"

namespace {

using namespace fovea;
using benchmark::Counter;
using benchmark::State;

// Runs what `make` builds, and reports the rate of its last node.
void run(State& state, const std::function<Tensor()>& make) {
  threads();
  Tensor first = make();
  auto node = first.node();
  std::vector<Tensor> outputs;
  for (size_t i = 0; i < node->outputs.size(); ++i) outputs.push_back(Node::output(node, int(i)));
  const Cost cost = node->primitive->cost(node->inputs, outputs);
  for (auto _ : state) eval({make()});
  if (cost.flops > 0)
    state.counters["flops"] = Counter(cost.flops, Counter::kIsIterationInvariantRate);
  state.counters["bytes"] = Counter(cost.bytes, Counter::kIsIterationInvariantRate);
}

void sgemm(State& state, int64_t m, int64_t k, int64_t n) {
  threads();
  std::vector<float> a(size_t(m * k), 1), b(size_t(k * n), 1), c(size_t(m * n));
  for (auto _ : state) dnnl_sgemm('N', 'N', m, n, k, 1, a.data(), k, b.data(), n, 0, c.data(), n);
  state.counters["flops"] = Counter(2.0 * double(m * k * n), Counter::kIsIterationInvariantRate);
}

struct Layer {
  const char* name;
  int64_t batch, size, in, out, kernel;
  int stride = 1, pad = 0, dilation = 1, groups = 1;
};

const Layer layers[] = {
    {"3x3_16x32x32x64_64", 16, 32, 64, 64, 3, 1, 1},
    {"3x3_16x56x56x64_64", 16, 56, 64, 64, 3, 1, 1},
    {"3x3_16x7x7x512_512", 16, 7, 512, 512, 3, 1, 1},
    {"1x1_16x28x28x128_512", 16, 28, 128, 512, 1},
    {"7x7s2_16x224x224x3_64", 16, 224, 3, 64, 7, 2, 3},
    {"3x3_64x32x32x3_64", 64, 32, 3, 64, 3, 1, 1},
    {"3x3_64x32x32x3_16", 64, 32, 3, 16, 3, 1, 1},
    {"5x5_64x28x28x1_6", 64, 28, 1, 6, 5, 1, 2},
    {"5x5_64x14x14x6_16", 64, 14, 6, 16, 5},
    {"depthwise3x3_16x28x28x128", 16, 28, 128, 128, 3, 1, 1, 1, 128},
    {"depthwise5x5_16x28x28x120", 16, 28, 120, 120, 5, 1, 2, 1, 120},
    {"depthwise7x7_16x56x56x96", 16, 56, 96, 96, 7, 1, 3, 1, 96},
    {"groups32_3x3_16x28x28x128_128", 16, 28, 128, 128, 3, 1, 1, 1, 32},
};

void add_convolutions() {
  for (const Layer& l : layers) {
    const Conv2dOptions o{
        .stride = {l.stride, l.stride},
        .pad = {l.pad, l.pad, l.pad, l.pad},
        .dilation = {l.dilation, l.dilation},
        .groups = l.groups};
    const Shape xs{l.batch, l.size, l.size, l.in}, ws{l.out, l.kernel, l.kernel, l.in / l.groups};
    auto add = [&](const char* direction, std::function<Tensor()> make) {
      benchmark::RegisterBenchmark(
          (std::string("conv_") + direction + "/" + l.name).c_str(),
          [make](State& state) { run(state, make); })
          ->UseRealTime()
          ->Unit(benchmark::kMillisecond);
    };
    Tensor x = full(xs, 1), w = full(ws, 1), b = full({l.out}, 1),
           dy = full(conv2d_shape(xs, ws, o), 1);
    add("forward", [=] { return conv2d(x, w, b, o); });
    add("data", [=] { return conv2d_transpose(dy, w, xs, o); });
    add("weights", [=] {
      return Tensor::output_of(std::make_shared<ConvBwdWeights>(o, ws[1], ws[2], false), {x, dy});
    });
  }
}

void add_products() {
  const int64_t sizes[][3] = {
      {64, 400, 120}, {128, 512, 10}, {1024, 1024, 1024}, {12544, 128, 512}};
  for (auto [m, k, n] : sizes) {
    std::string name = std::to_string(m) + "x" + std::to_string(k) + "x" + std::to_string(n);
    benchmark::RegisterBenchmark(
        ("dnnl_sgemm/" + name).c_str(), [=](State& s) { sgemm(s, m, k, n); })
        ->UseRealTime()
        ->Unit(benchmark::kMillisecond);
    Tensor x = full({m, k}, 1), w = full({n, k}, 1), b = full({n}, 1);
    benchmark::RegisterBenchmark(
        ("linear/" + name).c_str(), [=](State& s) { run(s, [=] { return linear(x, w, b); }); })
        ->UseRealTime()
        ->Unit(benchmark::kMillisecond);
  }
}

void add_pooling() {
  const Shape shapes[] = {{16, 112, 112, 64}, {16, 32, 32, 64}, {64, 28, 28, 6}};
  const Pool2dOptions halving{}, stem{.kernel = {3, 3}, .stride = {2, 2}, .pad = {1, 1, 1, 1}};
  for (const Shape& shape : shapes)
    for (const Pool2dOptions& o : {halving, stem}) {
      Tensor x = full(shape, 1);
      auto [y, index] = max_pool2d_with_index(x, o);
      auto max = std::dynamic_pointer_cast<const MaxPool>(y.node()->primitive);
      Tensor mean = avg_pool2d(x, o);
      auto avg = std::dynamic_pointer_cast<const AvgPool>(mean.node()->primitive);
      auto grid = std::make_shared<PoolGrid>(max->grid()),
           windows = std::make_shared<PoolGrid>(avg->grid());
      eval({y, index, mean});
      auto add = [&](const char* op, std::function<Tensor()> make) {
        std::string name = std::string(op) + "/" + std::to_string(o.kernel[0]) + shape.str();
        benchmark::RegisterBenchmark(name.c_str(), [make](State& state) { run(state, make); })
            ->UseRealTime()
            ->Unit(benchmark::kMillisecond);
      };
      add("max_pool", [=] { return max_pool2d(x, o); });
      add("max_pool_gradient", [=] {
        return Tensor::output_of(std::make_shared<PoolScatter>(grid), {y, index});
      });
      add("avg_pool", [=] { return avg_pool2d(x, o); });
      add("avg_pool_gradient",
          [=] { return Tensor::output_of(std::make_shared<AvgPoolBwd>(windows), {mean}); });
    }
}

}  // namespace

int main(int argc, char** argv) {
  add_products();
  add_convolutions();
  add_pooling();
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::AddCustomContext("threads", std::to_string(threads()));
  benchmark::RunSpecifiedBenchmarks();
}
