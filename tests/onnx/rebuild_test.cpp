#include <functional>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "fovea/autograd/gradcheck.h"
#include "fovea/core/errors.h"
#include "fovea/models/frozen.h"
#include "fovea/nn/grad.h"
#include "fovea/onnx/graph.h"
#include "fovea/onnx/open.h"
#include "fovea/onnx/save.h"
#include "fovea/ops/elementwise.h"
#include "fovea/ops/random.h"
#include "fovea/ops/reduce.h"
#include "tests/onnx/nodes.h"
#include "tests/support/check_op.h"
#include "tests/support/expect.h"
#include "tests/support/folder.h"

// ONNX graphs as models of fovea: saved, loaded, with other classes, and trained.
namespace fovea::onnx {
namespace {

using formats::OnnxModel;
using test::message_of;

Tensor noise(const Shape& shape, uint64_t seed) { return random_normal(shape, Key{seed}).eval(); }

OnnxModel graph_of(std::vector<formats::OnnxNode> nodes, int64_t classes) {
  OnnxModel m;
  m.opsets[""] = 17;
  m.inputs.push_back({"x", "f32", Dtype::f32, std::vector<int64_t>{-1, 3, 6, 6}});
  m.outputs.push_back({"y", "f32", Dtype::f32, std::vector<int64_t>{-1, classes}});
  m.nodes = std::move(nodes);
  return m;
}

// Convolution, batch norm, ReLU, means, dropout and what `ends` it, which reads "dropped" (N, 4).
OnnxModel network(std::vector<formats::OnnxNode> ends, int64_t classes = 5) {
  OnnxModel m = graph_of(
      {node("Conv", {"x", "w"}, "maps"),
       node("BatchNormalization", {"maps", "s", "b", "mean", "var"}, "normed"),
       node("Relu", {"normed"}, "active"),
       node("GlobalAveragePool", {"active"}, "means"),
       node("Flatten", {"means"}, "row"),
       node("Dropout", {"row"}, "dropped")},
      classes);
  m.nodes[0].name = "/stem/stem.0/Conv";
  m.nodes[1].name = "/stem/stem.1/BatchNormalization";
  m.initializers = {
      {"w", noise({4, 3, 3, 3}, 1)},
      {"s", noise({4}, 2)},
      {"b", noise({4}, 3)},
      {"mean", noise({4}, 4)},
      {"var", (square(noise({4}, 5)) + 0.5).eval()}};
  for (auto& end : ends) m.nodes.push_back(std::move(end));
  return m;
}

OnnxModel with_matmul() {
  OnnxModel m = network({node("MatMul", {"dropped", "f"}, "t"), node("Add", {"t", "c"}, "y")});
  m.initializers.emplace_back("f", noise({4, 5}, 6));
  m.initializers.emplace_back("c", noise({5}, 7));
  return m;
}

class Rebuild : public test::FolderTest {
 protected:
  models::Model opened(const OnnxModel& m, OpenOptions o = {.preprocess = "unit"}) const {
    write("net.onnx", formats::onnx_bytes(m));
    return open(path("net.onnx"), o);
  }
  const Tensor x = noise({3, 6, 6, 3}, 8);
};

TEST_F(Rebuild, WeightsAreCalledAfterTheirModules) {
  OnnxModel m = with_matmul();
  m.initializers[0].first = m.nodes[0].inputs[1] = "stem.conv.weight";
  std::vector<std::string> names;
  Graph graph(m);
  for (const auto& [name, t] : nn::export_tree(graph)) names.push_back(name);
  EXPECT_EQ(
      names,
      (std::vector<std::string>{
          "stem.1.bias",
          "stem.1.running_mean",
          "stem.1.running_var",
          "stem.1.weight",
          "stem.conv.weight",
          "the_t.weight",
          "the_y.bias"}));
  OnnxModel twice = graph_of(
      {node("Conv", {"x", "w"}, "a"), node("Conv", {"x", "v"}, "b"), node("Add", {"a", "b"}, "y")},
      4);
  twice.nodes[0].name = twice.nodes[1].name = "/conv/Conv";
  twice.initializers = {{"w", noise({4, 3, 1, 1}, 1)}, {"v", noise({4, 3, 1, 1}, 2)}};
  Graph both(twice);
  EXPECT_TRUE(nn::parameters(both).contains("conv.weight"));
  EXPECT_TRUE(nn::parameters(both).contains("conv_2.weight"));
}

TEST_F(Rebuild, AModelFileKeepsTheGraph) {
  models::Model m = opened(with_matmul());
  m.classes[2] = "two";
  models::save_model(path("m.safetensors"), m);
  const models::Model back = models::load_model(path("m.safetensors"));
  EXPECT_EQ(back.architecture, m.architecture);
  EXPECT_EQ(back.classes, m.classes);
  EXPECT_EQ(back.head_input, "dropped");
  EXPECT_EQ(back.scores(x).to_vector(), m.scores(x).to_vector());

  save(back, path("again.onnx"));
  const models::Model third = open(path("again.onnx"));
  EXPECT_LE(test::relative_error(third.scores(x), m.scores(x)), 1e-5);

  models::Architecture broken = m.architecture;
  broken.graph.resize(broken.graph.size() / 2);
  EXPECT_THROW(models::build(broken), IoError);
  OnnxModel wrong = formats::parse_onnx(std::as_bytes(std::span(m.architecture.graph)), "graph");
  wrong.inputs[1].shape = {{int64_t(1) << 40, int64_t(1) << 40}};
  broken.graph = formats::unchecked_onnx_bytes(wrong);
  EXPECT_HAS(message_of([&] { models::build(broken); }), "has an extent of");
  wrong.inputs.resize(1);
  wrong.initializers.clear();
  wrong.nodes = {node("Identity", {"b"}, "a"), node("Identity", {"a"}, "b")};
  wrong.outputs[0].name = "b";
  broken.graph = formats::unchecked_onnx_bytes(wrong);  // a ring
  broken.linear_head = true;
  EXPECT_HAS(message_of([&] { models::build(broken); }), "no layer with weights gives \"b\"");
  for (const int64_t groups : {int64_t(-1), int64_t(1) << 62}) {
    wrong.nodes = {node("Conv", {"x", "b"}, "a")};
    wrong.nodes[0].attributes["group"] = {
        .type = formats::OnnxAttribute::Type::integer, .integer = groups};
    wrong.initializers = {{"b", noise({5, 3, 1, 1}, 1)}};
    wrong.outputs[0].name = "a";
    broken.graph = formats::unchecked_onnx_bytes(wrong);
    EXPECT_HAS(message_of([&] { models::build(broken); }), fmt::format("has {} groups", groups));
  }
  broken.graph.clear();
  EXPECT_HAS(message_of([&] { models::build(broken); }), "holds no graph");
}

// Every form of a linear layer at the end becomes one of weights (classes, features).
TEST_F(Rebuild, LinearHeadsBecomePlain) {
  OnnxModel scaled = network({node("Gemm", {"dropped", "f", "c"}, "y")});
  scaled.nodes.back().attributes["alpha"] = {
      .type = formats::OnnxAttribute::Type::number, .number = 0.5F};
  scaled.initializers.emplace_back("f", noise({4, 5}, 6));
  scaled.initializers.emplace_back("c", noise({1, 5}, 7));
  OnnxModel bare = network(
      {node("MatMul", {"dropped", "f"}, "t"),
       node("Reshape", {"t", "rows"}, "flat"),
       node("Softmax", {"flat"}, "y")});
  bare.initializers.emplace_back("f", noise({4, 5}, 6));
  bare.initializers.emplace_back("rows", Tensor::from<int64_t>({-1, 5}, {2}));
  for (OnnxModel m : {with_matmul(), scaled, bare}) {
    const models::Model model = opened(m);
    const Tree weights = nn::parameters(*model.net);
    const std::string head = weights.contains("the_t.weight") ? "the_t" : "the_y";
    EXPECT_EQ(weights.at(head + ".weight").shape(), (Shape{5, 4}));
    EXPECT_EQ(weights.at(head + ".bias").shape(), Shape{5});
    if (m.nodes.back().op == "Softmax") m.nodes.back() = node("Identity", {"flat"}, "y");
    nn::Ctx ctx;
    const Graph raw(m);
    EXPECT_LE(test::relative_error(model.scores(x), nn::forward(raw, x, ctx)), 1e-6);

    models::Architecture other = model.architecture;
    other.classes = 7;
    other.linear_head = true;
    auto net = models::build(other);
    EXPECT_EQ(nn::parameters(*net).at(head + ".weight").shape(), (Shape{7, 4}));
    EXPECT_EQ(nn::parameters(*net).size(), weights.size());
  }
}

TEST_F(Rebuild, AConvolutionalHeadGivesWayToALinearOne) {
  OnnxModel m = graph_of(
      {node("Conv", {"x", "w"}, "maps"),
       node("Conv", {"maps", "f", "c"}, "scores"),
       node("Relu", {"scores"}, "active"),
       node("GlobalAveragePool", {"active"}, "means"),
       node("Reshape", {"means", "rows"}, "y")},
      5);
  m.initializers = {
      {"w", noise({4, 3, 3, 3}, 1)},
      {"f", noise({5, 4, 1, 1}, 2)},
      {"c", noise({5}, 3)},
      {"rows", Tensor::from<int64_t>({-1, 5}, {2})}};
  models::Model old = opened(m);
  EXPECT_EQ(old.head_input, "maps");
  models::Architecture other = old.architecture;
  other.classes = 7;
  auto net = models::build(other);
  EXPECT_EQ(nn::parameters(*net).at("head.weight").shape(), (Shape{7, 4}));
  EXPECT_FALSE(nn::parameters(*net).contains("the_scores.weight"));
  other.classes = 5;  // as it is, unless a linear one is asked for
  EXPECT_TRUE(nn::parameters(*models::build(other)).contains("the_scores.weight"));
  other.linear_head = true;
  EXPECT_TRUE(nn::parameters(*models::build(other)).contains("head.bias"));
}

// Where another layer's weights are called "head" already.
TEST_F(Rebuild, ANewHeadLeavesOtherLayersTheirNames) {
  OnnxModel m = graph_of(
      {node("Conv", {"x", "head.weight"}, "maps"),
       node("Conv", {"maps", "f"}, "scores"),
       node("GlobalAveragePool", {"scores"}, "means"),
       node("Flatten", {"means"}, "y")},
      5);
  m.initializers = {{"head.weight", noise({4, 3, 3, 3}, 1)}, {"f", noise({5, 4, 1, 1}, 2)}};
  models::Architecture other = opened(m).architecture;
  other.classes = 7;
  const Tree weights = nn::parameters(*models::build(other));
  EXPECT_EQ(weights.at("head.weight").shape(), (Shape{4, 3, 3, 3}));
  EXPECT_EQ(weights.at("head_2.weight").shape(), (Shape{7, 4}));
}

TEST_F(Rebuild, SaysWhyAHeadCannotBeReplaced) {
  OnnxModel two = network(
      {node("MatMul", {"dropped", "f"}, "one"),
       node("MatMul", {"row", "f"}, "two"),
       node("Concat", {"one", "two"}, "y")},
      10);
  two.nodes.back().attributes["axis"] = {
      .type = formats::OnnxAttribute::Type::integer, .integer = 1};
  two.initializers.emplace_back("f", noise({4, 5}, 6));
  models::Architecture a = opened(two).architecture;
  a.classes = 3;
  EXPECT_HAS(
      message_of([&] { models::build(a); }),
      "the head cannot be replaced: expected a layer (Gemm, MatMul, Conv) that gives the scores of "
      "the classes, but node \"the_y\" (Concat) comes before any layer with weights");
}

TEST_F(Rebuild, GreyPicturesMeetAStemOfOneChannel) {
  models::Architecture a = opened(with_matmul()).architecture;
  a.input = {8, 8, 1};
  auto net = models::build(a);
  EXPECT_EQ(nn::parameters(*net).at("stem.0.weight").shape(), (Shape{4, 3, 3, 1}));
  OnnxModel bare = formats::parse_onnx(std::as_bytes(std::span(a.graph)), "graph");
  bare.nodes[0].inputs.resize(1);
  models::Architecture without = a;
  without.graph = formats::unchecked_onnx_bytes(bare);
  EXPECT_HAS(message_of([&] { models::build(without); }), "(Conv) reads the colours");
  a.input = {8, 8, 2};
  EXPECT_HAS(message_of([&] { models::build(a); }), "expected pictures of 3 channels, got 2");
}

TEST_F(Rebuild, TrainsAsItsOperatorsSay) {
  models::Model m = opened(with_matmul());
  auto run = [&](bool training, const std::set<std::string, std::less<>>& frozen, uint64_t key) {
    nn::Ctx ctx;
    ctx.training = training;
    ctx.frozen = frozen;
    ctx.key = Key{key};
    auto y = nn::forward(*m.net, x, ctx).to_vector();
    std::vector<std::string> updated;
    for (const auto& [name, t] : ctx.updates) updated.push_back(name);
    return std::pair(y, updated);
  };
  const std::vector<std::string> statistics{"stem.1.running_mean", "stem.1.running_var"};
  const auto still = run(false, {}, 1);
  EXPECT_EQ(run(true, {"stem"}, 1), still);  // the dropout behind it belongs to it
  EXPECT_EQ(run(true, {"stem.0"}, 1).second, statistics);
  const auto one = run(true, {}, 1), other = run(true, {}, 2);
  EXPECT_EQ(one.second, statistics);
  EXPECT_NE(one.first, other.first);
  EXPECT_EQ(one, run(true, {}, 1));

  auto sample = [&](uint64_t key) {  // dropout alone
    nn::Ctx ctx;
    ctx.sampling = true;
    ctx.key = Key{key};
    auto y = nn::forward(*m.net, x, ctx).to_vector();
    EXPECT_TRUE(ctx.updates.empty());
    return y;
  };
  EXPECT_NE(sample(1), still.first);
  EXPECT_NE(sample(1), sample(2));
}

// What a saliency map asks for: the gradient of a score by the pixels, in f64 on the reference
// backend, against differences.
TEST_F(Rebuild, ScoresHaveGradientsByThePixels) {
  OnnxModel m = network({node("Gemm", {"dropped", "f", "c"}, "y")});
  m.nodes[2].op = "Tanh";  // no kinks for the differences
  m.initializers.emplace_back("f", noise({4, 5}, 6));
  m.initializers.emplace_back("c", noise({5}, 7));
  for (auto& [name, t] : m.initializers) t = cast(t, Dtype::f64).eval();
  m.inputs[0].type = "f64";
  m.inputs[0].dtype = Dtype::f64;
  const Graph graph(m);
  const Fn score = [&](std::span<const Tensor> in) {
    nn::Ctx ctx;
    const Tensor weights = Tensor::from<double>({0, 0, 1, 0, 0}, {5});
    return std::vector<Tensor>{sum(nn::forward(graph, in[0], ctx) * weights)};
  };
  const GradCheck checked = gradcheck(score, {cast(noise({1, 6, 6, 3}, 9), Dtype::f64)});
  EXPECT_LE(checked.max_rel_err, 1e-6) << checked.where;
}

TEST_F(Rebuild, AGraphForOnePictureTakesMoreForTraining) {
  OnnxModel one = with_matmul();
  one.inputs[0].shape = {{1, 3, 6, 6}};
  one.outputs[0].shape = {{1, 5}};
  one.nodes[4] = node("Reshape", {"means", "target"}, "row");
  one.nodes[4].attributes["allowzero"] = {
      .type = formats::OnnxAttribute::Type::integer, .integer = 0};
  one.initializers.emplace_back("target", Tensor::from<int64_t>({1, -1}, {2}));
  const models::Model slow = opened(one);
  EXPECT_TRUE(slow.one_by_one);
  const models::Model fast = opened(one, {.preprocess = "unit", .batches = true});
  EXPECT_FALSE(fast.one_by_one);
  EXPECT_LE(test::relative_error(fast.scores(x), slow.scores(x)), 1e-6);

  // PyTorch writes allowzero beside targets that hold no 0.
  one.nodes[4].attributes["allowzero"].integer = 1;
  const models::Model dynamo = opened(one, {.preprocess = "unit", .batches = true});
  EXPECT_FALSE(dynamo.one_by_one);
  EXPECT_EQ(dynamo.scores(x).to_vector(), fast.scores(x).to_vector());

  one.nodes[4] = node("Reshape", {"means", "target"}, "row");
  one.initializers.back().second = Tensor::from<int64_t>({4}, {1});  // a row without a batch
  one.nodes.insert(one.nodes.begin() + 5, node("Unsqueeze", {"row", "axis"}, "rows"));
  one.nodes[6].inputs[0] = "rows";
  one.initializers.emplace_back("axis", Tensor::from<int64_t>({0}, {1}));
  models::Model stuck = opened(one, {.preprocess = "unit", .batches = true});
  EXPECT_TRUE(stuck.one_by_one);
  models::save_model(path("stuck.safetensors"), stuck);
  EXPECT_TRUE(models::load_model(path("stuck.safetensors")).one_by_one);
}

}  // namespace
}  // namespace fovea::onnx
