// Networks of other programs that the table does not have, with their real weights, written out in
// ops: a ResNet-8 and a MobileNet of MLPerf Tiny (Keras), and a style transfer network (Johnson et
// al. 2016) in TensorFlow's layout. Expected outputs were computed by another program.
#include <fstream>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "fovea/data/loader.h"
#include "fovea/data/source.h"
#include "fovea/formats/safetensors_tree.h"
#include "fovea/graph/freeze.h"
#include "fovea/image/decode.h"
#include "fovea/ops/activation.h"
#include "fovea/ops/conv.h"
#include "fovea/ops/elementwise.h"
#include "fovea/ops/matmul.h"
#include "fovea/ops/norm.h"
#include "fovea/ops/pool.h"
#include "fovea/ops/reduce.h"
#include "fovea/ops/shape.h"
#include "fovea/ops/slice.h"
#include "fovea/ops/softmax.h"
#include "tests/support/test_data.h"

namespace fovea::models {
namespace {

// What "same" padding of TensorFlow adds: as little as gives ceil(size / stride), more of it
// behind.
Conv2dOptions same(const Tensor& x, int64_t kernel, int stride, int groups = 1) {
  const auto total = [&](int64_t n) {
    return int(std::max<int64_t>(((n + stride - 1) / stride - 1) * stride + kernel - n, 0));
  };
  const int h = total(x.dim(1)), w = total(x.dim(2));
  return {
      .stride = {stride, stride}, .pad = {h / 2, h - h / 2, w / 2, w - w / 2}, .groups = groups};
}

// Layers by Keras' names, numbered from none on: "conv2d", "conv2d_1", ...
class Keras {
 public:
  explicit Keras(const std::filesystem::path& file)
      : weights_(formats::load_safetensors(file).tensors) {}

  Tensor conv(const Tensor& x, int number, int stride) const {
    const std::string name = numbered("conv2d", number);
    const Tensor w = transpose(of(name + "/kernel"), {3, 0, 1, 2});
    return conv2d(x, w, of(name + "/bias"), same(x, w.dim(1), stride));
  }
  Tensor depthwise(const Tensor& x, int number, int stride) const {
    const std::string name = numbered("depthwise_conv2d", number);
    const Tensor w = transpose(of(name + "/depthwise_kernel"), {2, 0, 1, 3});
    return conv2d(x, w, of(name + "/bias"), same(x, 3, stride, int(x.dim(3))));
  }
  Tensor norm(const Tensor& x, int number) const {
    const std::string name = numbered("batch_normalization", number) + "/";
    return batch_norm_inference(
        x,
        of(name + "gamma"),
        of(name + "beta"),
        of(name + "moving_mean"),
        of(name + "moving_variance"),
        {.eps = 1e-3});
  }
  Tensor dense(const Tensor& x) const {
    return softmax(matmul(x, of("dense/kernel")) + of("dense/bias"));
  }

 private:
  const Tensor& of(const std::string& name) const { return weights_.at(name); }
  static std::string numbered(const std::string& name, int number) {
    return number == 0 ? name : name + "_" + std::to_string(number);
  }
  Tree weights_;
};

Tensor resnet8(const Keras& k, Tensor x) {
  x = relu(k.norm(k.conv(x, 0, 1), 0));
  Tensor y = k.norm(k.conv(relu(k.norm(k.conv(x, 1, 1), 1)), 2, 1), 2);
  x = relu(x + y);
  for (int stage : {0, 1}) {  // three convolutions and two norms each
    const int conv = 3 + 3 * stage, norm = 3 + 2 * stage;
    y = relu(k.norm(k.conv(x, conv, 2), norm));
    y = k.norm(k.conv(y, conv + 1, 1), norm + 1);
    x = relu(k.conv(x, conv + 2, 2) + y);
  }
  return k.dense(mean(x, {1, 2}));
}

Tensor mobilenet(const Keras& k, Tensor x) {
  x = relu(k.norm(k.conv(x, 0, 2), 0));
  int i = 0;
  for (int stride : {1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1}) {
    x = relu(k.norm(k.depthwise(x, i, stride), 2 * i + 1));
    x = relu(k.norm(k.conv(x, i + 1, 1), 2 * i + 2));
    ++i;
  }
  return k.dense(mean(x, {1, 2}));
}

// Pixels (1, side, side, 3) of a photograph, from 0 to 255.
Tensor cut(const std::string& name, int64_t top, int64_t left, int64_t side) {
  const image::Image p = image::load(test::data_root() / "test_images" / name, {.channels = 3});
  const Tensor x =
      Tensor::from(std::vector<float>(p.pixels.begin(), p.pixels.end()), {1, p.height, p.width, 3});
  return slice(
      x, {{}, {.start = top, .stop = top + side}, {.start = left, .stop = left + side}, {}});
}

nlohmann::json golden(const std::filesystem::path& folder) {
  std::ifstream file(folder / "golden.json");
  return nlohmann::json::parse(file);
}

TEST(LayersGolden, ResNet8IsRightAsOftenAsTheReference) {
  const auto folder = test::data_root() / "mlperf_tiny";
  const auto cifar = test::data_root() / "cifar10" / "train_first4000.bin";
  FOVEA_NEEDS_DATA(folder);
  FOVEA_NEEDS_DATA(cifar);
  const Keras keras(folder / "resnet8_cifar10.safetensors");
  data::Loader loader(
      data::open(cifar.string()).train,
      {.batch_size = 200, .preprocess = data::Preprocess::named("bytes", 32, 32), .workers = 1});
  const Spec batches{{200, 32, 32, 3}, Dtype::f32};
  const graph::Plan plan = graph::freeze(
      [&](std::span<const Tensor> in) { return std::vector<Tensor>{resnet8(keras, in[0])}; },
      {&batches, 1});
  int64_t correct = 0;
  loader.start(0);
  while (auto batch = loader.next()) {
    const auto guess = argmax(plan.run(batch->images), 1).to_doubles();
    const auto truth = batch->labels.to_doubles();
    for (size_t i = 0; i < guess.size(); ++i) correct += guess[i] == truth[i];
  }
  EXPECT_EQ(correct, golden(folder).at("resnet8").at("correct_on_train_first4000").get<int64_t>());
}

TEST(LayersGolden, MobileNetFindsPersonsAsTheReferenceDoes) {
  const auto folder = test::data_root() / "mlperf_tiny";
  FOVEA_NEEDS_DATA(folder);
  FOVEA_NEEDS_DATA(test::data_root() / "test_images");
  const Keras keras(folder / "vww_mobilenet_v1_025_96.safetensors");
  const nlohmann::json expected = golden(folder).at("vww");
  auto check = [&](const Tensor& pixels, int pool, const char* key) {
    const Tensor x = avg_pool2d(pixels, {.kernel = {pool, pool}}) / 255;
    const auto got = mobilenet(keras, x).to_doubles();
    for (size_t c : {0u, 1u}) EXPECT_NEAR(got[c], expected.at(key)[c], 1e-5) << key;
  };
  check(cut("astronaut.png", 0, 0, 480), 5, "astronaut_crop0_0_480_pool5");
  check(cut("coffee.png", 0, 60, 384), 4, "coffee_crop0_60_384_pool4");
}

TEST(LayersGolden, StyleTransferPaintsAsTheReferenceDoes) {
  const auto folder = test::data_root() / "fast_style_transfer";
  FOVEA_NEEDS_DATA(folder);
  FOVEA_NEEDS_DATA(test::data_root() / "test_images");
  const Tree weights = formats::load_safetensors(folder / "wave.safetensors").tensors;
  int next = 0;  // kernel, shift and scale of a layer follow each other
  auto variable = [&] {
    const int i = next++;
    return weights.at(i == 0 ? "Variable" : "Variable_" + std::to_string(i));
  };
  auto norm = [&](const Tensor& x) {
    const Tensor shift = variable(), scale = variable();
    return instance_norm(x, scale, shift, {.eps = 1e-3});
  };
  auto conv = [&](const Tensor& x, int stride) {
    const Tensor w = transpose(variable(), {3, 0, 1, 2});
    return norm(conv2d(x, w, same(x, w.dim(1), stride)));
  };
  auto up = [&](const Tensor& x) {
    const Tensor w = transpose(variable(), {3, 0, 1, 2});
    const Shape twice{1, 2 * x.dim(1), 2 * x.dim(2), w.dim(3)};
    return norm(conv2d_transpose(x, w, twice, {.stride = {2, 2}, .pad = {0, 1, 0, 1}}));
  };
  Tensor x = relu(conv(cut("chelsea.png", 20, 100, 256), 1));
  x = relu(conv(x, 2));
  x = relu(conv(x, 2));
  for (int block = 0; block < 5; ++block) {
    const Tensor first = relu(conv(x, 1));
    x = x + conv(first, 1);
  }
  x = relu(up(x));
  x = relu(up(x));
  x = maximum(minimum(tanh(conv(x, 1)) * 150 + 127.5, Tensor(255.0F)), Tensor(0.0F));
  const auto got = transpose(x, {0, 3, 1, 2}).to_doubles();
  const nlohmann::json expected = golden(folder).at("output_stats").at("wave");
  for (size_t i = 0; i < expected.at("sample").size(); ++i) {
    const size_t at = expected.at("sample_index")[i];
    EXPECT_NEAR(got[at], expected.at("sample")[i], 0.02) << at;
  }
  double sum = 0;
  for (double v : got) sum += v;
  EXPECT_NEAR(sum / double(got.size()), expected.at("mean"), 1e-3);
}

}  // namespace
}  // namespace fovea::models
