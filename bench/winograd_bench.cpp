// Our Winograd convolution beside oneDNN's direct one, in every pass, on the layers it is for.
// Weights are ready for each (packed, or in the layout the library likes), but for winograd4_plain,
// which transforms them in each run as training does. Rates count the operations of the plain sum,
// so more than the machine's peak is possible. Alone on the machine, or with one thread: then time
// is that of the processor. Add --benchmark_enable_random_interleaving=true
// --benchmark_repetitions=5.
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "fovea/backend/cpu/winograd.h"
#include "fovea/backend/onednn/compat.h"

namespace {

using namespace fovea;
using benchmark::State;
using cpu::ConvPass;
using cpu::WinogradTile;

struct Layer {
  const char* network;
  int64_t batch, size, in, out;
};

const Layer layers[] = {
    {"resnet18_cifar", 32, 32, 64, 64},  {"resnet18_cifar", 32, 16, 128, 128},
    {"resnet18_cifar", 32, 8, 256, 256}, {"resnet18_cifar", 32, 4, 512, 512},
    {"convnet", 128, 32, 32, 32},        {"convnet", 128, 16, 32, 64},
    {"convnet", 128, 16, 64, 64},        {"convnet", 128, 8, 64, 128},
    {"convnet", 128, 8, 128, 128},       {"vgg16", 4, 224, 64, 64},
    {"vgg16", 4, 112, 64, 128},          {"vgg16", 4, 112, 128, 128},
    {"vgg16", 4, 56, 128, 256},          {"vgg16", 4, 56, 256, 256},
    {"vgg16", 4, 28, 256, 512},          {"vgg16", 4, 28, 512, 512},
    {"vgg16", 4, 14, 512, 512},          {"vgg16", 1, 224, 64, 64},
    {"vgg16", 1, 112, 64, 128},          {"vgg16", 1, 112, 128, 128},
    {"vgg16", 1, 56, 128, 256},          {"vgg16", 1, 56, 256, 256},
    {"vgg16", 1, 28, 256, 512},          {"vgg16", 1, 28, 512, 512},
    {"vgg16", 1, 14, 512, 512},          {"resnet", 1, 56, 64, 64},
    {"resnet", 1, 28, 128, 128},         {"resnet", 1, 14, 256, 256},
    {"resnet", 1, 7, 512, 512},          {"resnet", 4, 56, 64, 64},
    {"resnet", 4, 28, 128, 128},         {"resnet", 4, 14, 256, 256},
    {"resnet", 4, 7, 512, 512},
};

// What every run of one layer shares.
struct Data {
  Shape xs, ws, ys;
  ConvExtents e;
  std::vector<float> x, w, y;

  explicit Data(const Layer& l)
      : xs{l.batch, l.size, l.size, l.in},
        ws{l.out, 3, 3, l.in},
        ys{l.batch, l.size, l.size, l.out},
        e(xs, ws, ys, {.pad = {1, 1, 1, 1}}),
        x(size_t(xs.numel()), 0.5f),
        w(size_t(ws.numel()), 0.25f),
        y(size_t(ys.numel()), 0.125f) {}

  double flops() const { return 18.0 * double(e.n * e.ho * e.wo * e.in * e.out); }
};

void run_winograd(State& state, const Layer& l, ConvPass pass, WinogradTile tile, bool plain) {
  Data d(l);
  std::vector<float> u;
  cpu::WinogradFilters filters{.plain = d.w.data()};
  if (pass != ConvPass::backward_weights && !plain) {
    u.resize(size_t(cpu::winograd_weights_size(d.e, tile, pass)));
    cpu::winograd_weights(d.e, tile, pass, d.w.data(), u.data());
    filters = {.packed = u.data()};
  }
  for (auto _ : state) {
    Workspace scratch{Device{}};
    Run run{Device{}, scratch};
    if (pass == ConvPass::forward)
      cpu::winograd_forward(d.e, tile, d.x.data(), filters, {}, d.y.data(), run);
    else if (pass == ConvPass::backward_data)
      cpu::winograd_backward_data(d.e, tile, d.y.data(), filters, d.x.data(), run);
    else
      cpu::winograd_backward_weights(d.e, tile, d.x.data(), d.y.data(), d.w.data(), nullptr, run);
  }
  state.counters["flops"] =
      benchmark::Counter(d.flops(), benchmark::Counter::kIsIterationInvariantRate);
}

void run_library(State& state, const Layer& l, ConvPass pass) {
  using tag = dnnl::memory::format_tag;
  constexpr auto f32 = dnnl::memory::data_type::f32;
  Data d(l);
  const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  dnnl::stream stream(engine);
  onednn::compat::ConvDescs c;
  c.x = {{l.batch, l.in, l.size, l.size}, f32, tag::nhwc};
  c.y = {{l.batch, l.out, l.size, l.size}, f32, tag::nhwc};
  c.w = {{l.out, l.in, 3, 3}, f32, tag::any};
  c.stride = {1, 1};
  c.dilation = {0, 0};
  c.pad_before = c.pad_after = {1, 1};
  const auto forward = onednn::compat::conv_forward_pd(engine, c, {});
  dnnl::primitive primitive;
  dnnl::memory::desc w_desc = forward.weights_desc();
  int ids[] = {DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DST};
  if (pass == ConvPass::forward) {
    primitive = dnnl::convolution_forward(forward);
  } else if (pass == ConvPass::backward_data) {
    const auto pd = onednn::compat::conv_backward_data_pd(engine, c, forward, {});
    primitive = dnnl::convolution_backward_data(pd);
    w_desc = pd.weights_desc();
    ids[0] = DNNL_ARG_DIFF_SRC, ids[2] = DNNL_ARG_DIFF_DST;
  } else {
    const auto pd = onednn::compat::conv_backward_weights_pd(engine, c, forward, {});
    primitive = dnnl::convolution_backward_weights(pd);
    w_desc = pd.diff_weights_desc();
    ids[1] = DNNL_ARG_DIFF_WEIGHTS, ids[2] = DNNL_ARG_DIFF_DST;
  }
  std::unordered_map<int, dnnl::memory> args{
      {ids[0], dnnl::memory(c.x, engine, d.x.data())},
      {ids[1], dnnl::memory(w_desc, engine)},
      {ids[2], dnnl::memory(c.y, engine, d.y.data())}};
  for (auto _ : state) primitive.execute(stream, args);
  state.counters["flops"] =
      benchmark::Counter(d.flops(), benchmark::Counter::kIsIterationInvariantRate);
}

void add(const std::string& name, std::function<void(State&)> run) {
  auto* b = benchmark::RegisterBenchmark(name.c_str(), std::move(run));
  b->Unit(benchmark::kMillisecond);
  if (threads() > 1) b->UseRealTime();
}

void add_layer(const Layer& l) {
  const std::pair<ConvPass, const char*> passes[] = {
      {ConvPass::forward, "forward"},
      {ConvPass::backward_data, "data"},
      {ConvPass::backward_weights, "weights"}};
  for (const auto& [which, word] : passes) {
    const ConvPass pass = which;
    const std::string name = std::string(l.network) + "/" + std::to_string(l.batch) + "x" +
                             std::to_string(l.size) + "x" + std::to_string(l.in) + "x" +
                             std::to_string(l.out) + "/" + word + "/";
    add(name + "library", [l, pass](State& s) { run_library(s, l, pass); });
    add(name + "winograd2",
        [l, pass](State& s) { run_winograd(s, l, pass, WinogradTile::two, false); });
    add(name + "winograd4",
        [l, pass](State& s) { run_winograd(s, l, pass, WinogradTile::four, false); });
    if (pass == ConvPass::backward_weights) continue;
    add(name + "winograd4_plain",
        [l, pass](State& s) { run_winograd(s, l, pass, WinogradTile::four, true); });
  }
}

}  // namespace

int main(int argc, char** argv) {
  threads();
  for (const Layer& l : layers) add_layer(l);
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::AddCustomContext("threads", std::to_string(threads()));
  benchmark::RunSpecifiedBenchmarks();
}
