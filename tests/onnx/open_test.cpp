#include "fovea/onnx/open.h"

#include <functional>

#include <gtest/gtest.h>

#include "fovea/core/errors.h"
#include "fovea/formats/onnx.h"
#include "fovea/models/frozen.h"
#include "fovea/onnx/save.h"
#include "fovea/ops/elementwise.h"
#include "fovea/ops/random.h"
#include "fovea/ops/softmax.h"
#include "tests/onnx/nodes.h"
#include "tests/support/expect.h"
#include "tests/support/folder.h"

namespace fovea::onnx {
namespace {

using formats::OnnxModel;

// Means of a 1 x 1 convolution to 4 channels, as scores of shape (N, 4).
OnnxModel small() {
  OnnxModel m;
  m.opsets[""] = 17;
  m.inputs.push_back({"x", "f32", Dtype::f32, std::vector<int64_t>{-1, 3, 6, 6}});
  m.outputs.push_back({"y", "f32", Dtype::f32, std::vector<int64_t>{-1, 4}});
  m.initializers.emplace_back("w", random_normal({4, 3, 1, 1}, Key{3}).eval());
  m.nodes = {
      node("Conv", {"x", "w"}, "maps"),
      node("GlobalAveragePool", {"maps"}, "mean"),
      node("Flatten", {"mean"}, "y")};
  return m;
}

class Open : public test::FolderTest {
 protected:
  std::string write_graph(const OnnxModel& m) const {
    write("net.onnx", formats::onnx_bytes(m));
    return path("net.onnx");
  }
  template <class E = std::invalid_argument>
  static std::string message(const std::function<void()>& f) {
    try {
      f();
    } catch (const E& e) {
      return e.what();
    }
    return "it was taken";
  }
  std::string refused(const OnnxModel& m, const OpenOptions& o = {.preprocess = "unit"}) const {
    return message([&] { open(write_graph(m), o); });
  }
  const Tensor x = random_normal({3, 6, 6, 3}, Key{4}).eval();
};

TEST_F(Open, OurOwnExportIsTheSameModel) {
  models::Model m;
  m.architecture = {.name = "convnet", .input = {32, 32, 3}, .classes = 3};
  m.net = models::build(m.architecture);
  nn::initialize(*m.net, Key{5});
  m.classes = {"ant", "bee", "cat"};
  m.preprocess = data::Preprocess::named("imagenet", 32, 32);
  save(m, path("m.onnx"));
  models::save_model(path("m.safetensors"), m);
  for (const char* name : {"m.onnx", "m.safetensors"}) {
    const models::Model back = open(path(name));
    EXPECT_EQ(back.preprocess, m.preprocess);
    EXPECT_EQ(back.classes, m.classes);
    EXPECT_FALSE(back.one_by_one);
    const Tensor batch = random_normal({2, 32, 32, 3}, Key{6}).eval();
    const auto expected = softmax(m.scores(batch)).to_doubles();
    const auto got = softmax(models::FrozenModel(back).scores(batch)).eval().to_doubles();
    for (size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR(got[i], expected[i], 1e-5);
    EXPECT_HAS(message([&] { open(path(name), {.preprocess = "unit"}); }), "no other");
  }
}

TEST_F(Open, AForeignGraphNeedsItsPreprocessing) {
  EXPECT_HAS(refused(small(), {}), "say it by --preprocess: imagenet, caffe");
  EXPECT_HAS(refused(small(), {.preprocess = "imagnet"}), "did you mean \"imagenet\"?");
  const models::Model m = open(write_graph(small()), {.preprocess = "caffe"});
  EXPECT_EQ(m.preprocess, data::Preprocess::named("caffe", 6, 6));
  EXPECT_EQ(m.classes, (std::vector<std::string>{"class_0", "class_1", "class_2", "class_3"}));
  EXPECT_EQ(m.head_input, "");  // the head reads the pictures themselves
  const std::string json = m.preprocess.to_json();
  EXPECT_EQ(open(path("net.onnx"), {.preprocess = json}).preprocess, m.preprocess);
  EXPECT_HAS(
      refused(small(), {.preprocess = data::Preprocess::named("unit", 7, 6).to_json()}),
      "expected pictures (6, 6, 3), it gives (7, 6, 3)");
  EXPECT_EQ(
      open(path("net.onnx"), {.preprocess = "unit", .classes = {"a", "b", "c", "d"}}).classes[3],
      "d");
  EXPECT_HAS(
      refused(small(), {.preprocess = "unit", .classes = {"a"}}), "expected 4 class names, got 1");

  OnnxModel free = small();
  free.inputs[0].shape = {{-1, 3, -1, -1}};
  EXPECT_HAS(refused(free), "may have any size; say which by --size");
  const OpenOptions sized{.preprocess = "unit", .height = 6, .width = 5};
  EXPECT_EQ(open(write_graph(free), sized).architecture.input, (Shape{6, 5, 3}));
  EXPECT_HAS(refused(small(), sized), "has one size only");
  EXPECT_EQ(open(write_graph(free), {.preprocess = json}).architecture.input, (Shape{6, 6, 3}));
}

// As TensorFlow's exporter writes them.
TEST_F(Open, AGraphMayTakePicturesWithChannelsLast) {
  OnnxModel last = small();
  last.inputs[0].shape = {{-1, 6, 5, 3}};
  formats::OnnxNode turn = node("Transpose", {"x"}, "first");
  turn.attributes["perm"] = {
      .type = formats::OnnxAttribute::Type::integers, .integers = {0, 3, 1, 2}};
  last.nodes[0].inputs[0] = "first";
  last.nodes.insert(last.nodes.begin(), turn);
  OnnxModel first = small();
  first.inputs[0].shape = {{-1, 3, 6, 5}};
  const Tensor pictures = random_normal({2, 6, 5, 3}, Key{9}).eval();
  const models::Model a = open(write_graph(last), {.preprocess = "unit"});
  EXPECT_EQ(a.architecture.input, Shape({6, 5, 3}));
  const models::Model b = open(write_graph(first), {.preprocess = "unit"});
  EXPECT_EQ(a.scores(pictures).to_doubles(), b.scores(pictures).to_doubles());
}

TEST_F(Open, ASoftmaxAtTheEndIsLeftOut) {
  const auto expected = open(write_graph(small()), {.preprocess = "unit"}).scores(x).to_doubles();
  OnnxModel soft = small();
  soft.nodes[2].outputs = {"scores"};
  soft.nodes.push_back(node("Softmax", {"scores"}, "y"));
  OnnxModel before = small();  // Softmax on (N, 4, 1, 1), then Flatten
  before.nodes[2].inputs = {"soft"};
  before.nodes.insert(before.nodes.begin() + 2, node("Softmax", {"mean"}, "soft"));
  EXPECT_HAS(refused(before), "expected a softmax over the classes, axis 1");
  before.nodes[2].attributes["axis"] = {
      .type = formats::OnnxAttribute::Type::integer, .integer = 1};
  OnnxModel maps = small();  // scores of shape (N, 4, 1, 1)
  maps.nodes.pop_back();
  maps.outputs[0] = {"mean", "f32", Dtype::f32, std::vector<int64_t>{-1, 4, 1, 1}};
  for (const OnnxModel& m : {soft, before, maps})
    EXPECT_EQ(open(write_graph(m), {.preprocess = "unit"}).scores(x).to_doubles(), expected);

  soft.nodes.back().op = "Sigmoid";
  EXPECT_HAS(refused(soft), "ends in a sigmoid");
  EXPECT_NO_THROW(open(write_graph(soft), {.classifies = false}));
}

TEST_F(Open, BatchesOfOneAreRunOneByOne) {
  const auto expected = open(write_graph(small()), {.preprocess = "unit"}).scores(x).to_doubles();
  OnnxModel one = small();
  one.inputs[0].shape = {{1, 3, 6, 6}};
  one.outputs[0].shape = {{1, 4}};
  one.nodes[2] = node("Reshape", {"mean", "row"}, "y");  // which makes one row of any batch
  one.initializers.emplace_back("row", Tensor::from<int64_t>({1, -1}, {2}));
  const models::Model m = open(write_graph(one), {.preprocess = "unit"});
  EXPECT_TRUE(m.one_by_one);
  EXPECT_EQ(m.scores(x).to_doubles(), expected);
  const Tensor frozen = models::FrozenModel(m).scores(x);
  EXPECT_EQ(frozen.shape(), (Shape{3, 4}));
  const auto got = frozen.to_doubles();
  for (size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], expected[i], 1e-6);

  one.inputs[0].shape = {{2, 3, 6, 6}};
  one.outputs[0].shape = {{2, 4}};
  EXPECT_HAS(refused(one), "takes batches of 2 only");
}

// Exports that declare any batch and hold that of their example.
TEST_F(Open, ABatchInAConstantIsRunOneByOne) {
  const auto expected = open(write_graph(small()), {.preprocess = "unit"}).scores(x).to_doubles();
  for (const std::vector<int64_t>& row : {std::vector<int64_t>{1, 4}, {1, -1}}) {
    OnnxModel baked = small();
    baked.nodes[2] = node("Reshape", {"mean", "row"}, "y");
    baked.initializers.emplace_back("row", Tensor::from<int64_t>(row, {2}));
    const models::Model m = open(write_graph(baked), {.preprocess = "unit"});
    EXPECT_TRUE(m.one_by_one);
    EXPECT_EQ(m.scores(x).to_doubles(), expected);
    const models::Model free = open(path("net.onnx"), {.preprocess = "unit", .batches = true});
    EXPECT_FALSE(free.one_by_one);
    EXPECT_EQ(free.scores(x).shape(), (Shape{3, 4}));
  }
  EXPECT_FALSE(open(write_graph(small()), {.preprocess = "unit"}).one_by_one);
}

TEST_F(Open, IntegersAreReadAsPixels) {
  OnnxModel m = small();
  m.inputs[0].type = "u8";
  m.inputs[0].dtype = Dtype::u8;
  m.nodes.insert(m.nodes.begin(), node("Cast", {"x"}, "pixels"));
  m.nodes[0].attributes["to"] = {.type = formats::OnnxAttribute::Type::integer, .integer = 1};
  m.nodes[1].inputs[0] = "pixels";
  for (const char* name : {"unit", "signed", "imagenet", "caffe"})
    EXPECT_HAS(
        refused(m, {.preprocess = name}),
        "its input \"x\" is u8, so it takes pixels as they are: expected --preprocess bytes");
  const data::Preprocess bytes = data::Preprocess::named("bytes", 6, 6);
  EXPECT_EQ(open(write_graph(m), {.preprocess = "bytes"}).preprocess, bytes);
  EXPECT_EQ(open(path("net.onnx"), {.preprocess = bytes.to_json()}).preprocess, bytes);
  EXPECT_EQ(open(path("net.onnx"), {.classifies = false}).preprocess, bytes);
  m.inputs[0].type = "i8";
  m.inputs[0].dtype = Dtype::i8;
  EXPECT_HAS(refused(m, {.preprocess = "bytes"}), "is i8, which pixels from 0 to 255 do not fit");
}

TEST_F(Open, AGraphOfHalvesRunsInFloats) {
  OnnxModel rounded = small(), halves = small();
  Tensor& w = halves.initializers[0].second;
  w = cast(w, Dtype::f16).eval();
  rounded.initializers[0].second = cast(w, Dtype::f32).eval();
  for (auto* ends : {&halves.inputs, &halves.outputs}) {
    ends->at(0).dtype = Dtype::f16;
    ends->at(0).type = "f16";
  }
  const auto expected = open(write_graph(rounded), {.preprocess = "unit"}).scores(x).to_doubles();
  const models::Model m = open(write_graph(halves), {.preprocess = "unit"});
  EXPECT_EQ(m.scores(x).to_doubles(), expected);
}

TEST_F(Open, OtherGraphsAreRefusedWithTheirShapes) {
  OnnxModel maps = small();
  maps.nodes.resize(1);
  maps.outputs[0] = {"maps", "f32", Dtype::f32, std::vector<int64_t>{-1, 4, 6, 6}};
  EXPECT_HAS(
      refused(maps), "expected scores (N, classes) for each picture, got \"maps\" (1, 6, 6, 4)");
  EXPECT_EQ(open(path("net.onnx"), {.classifies = false}).architecture.input, (Shape{6, 6, 3}));
  OnnxModel wide = small();
  wide.inputs[0].shape = {{-1, 5, 6, 6}};
  EXPECT_HAS(refused(wide), "(N, H, W, C) with 1 or 3 channels, got \"x\" (any, 5, 6, 6)");
  OnnxModel bad = small();
  bad.metadata["preprocess"] = "{";
  EXPECT_HAS(message<IoError>([&] { open(write_graph(bad)); }), "expected a JSON object");
  EXPECT_HAS(
      message<IoError>([&] { models::load_model(path("net.onnx")); }), "expected a fovea model");
}

}  // namespace
}  // namespace fovea::onnx
