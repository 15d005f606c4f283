// Weights whose names, types or numbers are not quite the module's.
#include "fovea/nn/load.h"

#include <limits>

#include "fovea/nn/containers.h"
#include "fovea/nn/conv.h"
#include "fovea/nn/linear.h"
#include "fovea/nn/norm.h"
#include "fovea/ops/create.h"
#include "tests/nn/layers.h"

namespace fovea::nn {
namespace {

using test::message_of;
using test::random_input;

Sequential small_net(uint64_t key) {
  Sequential net;
  net.emplace<Conv2d>("conv", same_conv(3, 4, 3));
  net.emplace<BatchNorm>("bn", BatchNorm::Options{.channels = 4});
  net.emplace<Linear>("fc", Linear::Options{.in = 4, .out = 5});
  initialize(net, Key(key));
  return net;
}

constexpr int tensors = 9;  // two of conv, five of bn, two of fc

Tree under(const std::string& prefix, const Tree& tree) {
  Tree moved;
  for (const auto& [name, t] : tree) moved[prefix + name] = t;
  return moved;
}

class LoadTest : public testing::Test {
 protected:
  LoadReport load_into_b(const Tree& tree) { return load(b, tree, {.strict = false}); }
  bool equal() { return fingerprint(parameters(a)) == fingerprint(parameters(b)); }

  Sequential a = small_net(1), b = small_net(2);
  Tree weights = export_tree(a);
};

TEST_F(LoadTest, TakesThePrefixUnderWhichMostNamesAre) {
  struct Case {
    std::string prefix, beside;
  };
  for (const auto& [prefix, beside] :
       {Case{"module.", "n_averaged"},              // torch.optim.swa_utils.AveragedModel
        Case{"model.", "criterion.w"},              // Lightning
        Case{"encoder_q.", "queue"},                // MoCo
        Case{"state_dict.model.", "state_dict.w"},  // two parts
        Case{"backbone.", "conv.kernel"}}) {
    SCOPED_TRACE(prefix);
    b = small_net(2);
    Tree tree = under(prefix, weights);
    tree[beside] = random_input({2}, 1);
    const LoadReport report = load_into_b(tree);
    EXPECT_EQ(report.prefix, prefix);
    EXPECT_EQ(report.loaded, tensors);
    EXPECT_TRUE(report.missing.empty());
    EXPECT_EQ(report.unused, Names{beside});
    EXPECT_TRUE(report.rivals.empty());
    EXPECT_HAS(report.str(), "9 tensors loaded, from under \"" + prefix + "\"");
    EXPECT_TRUE(equal());
  }
}

TEST_F(LoadTest, LeavesPrefixesWhereNoneGivesMoreNames) {
  Tree tree = under("ema.", export_tree(b));
  tree.merge(Tree(weights));
  LoadReport report = load_into_b(tree);
  EXPECT_EQ(report.prefix, "");
  EXPECT_EQ(report.loaded, tensors);
  EXPECT_EQ(report.unused.size(), size_t(tensors));
  EXPECT_TRUE(equal());

  tree = weights;
  tree["auxiliary.fc.weight"] = random_input({5, 4}, 1);
  report = load_into_b(tree);
  EXPECT_EQ(report.prefix, "");
  EXPECT_EQ(report.unused, Names{"auxiliary.fc.weight"});
}

TEST_F(LoadTest, TakesTheShorterOfPrefixesWithAsManyNamesAndNamesTheOther) {
  Tree tree = under("ema_model.", export_tree(b));
  tree.merge(under("model.", weights));
  const LoadReport report = load_into_b(tree);
  EXPECT_EQ(report.prefix, "model.");
  EXPECT_EQ(report.rivals, Names{"ema_model."});
  EXPECT_HAS(report.str(), "from under \"model.\"; as many names are under \"ema_model.\"");
  EXPECT_TRUE(equal());
}

TEST_F(LoadTest, LosesNoNameThatIsThereWithAndWithoutThePrefix) {
  Tree tree = under("model.", weights);
  tree["fc.weight"] = random_input({5, 4}, 1);
  LoadReport report = load_into_b(tree);
  EXPECT_EQ(report.prefix, "model.");
  EXPECT_EQ(report.loaded, tensors);
  EXPECT_EQ(report.unused, Names{"fc.weight"});
  EXPECT_TRUE(equal());

  // A module whose own names begin like a prefix.
  Sequential outer;
  outer.add("model", std::make_unique<Sequential>(small_net(3)));
  const Tree own = export_tree(outer);
  report = load(outer, own);
  EXPECT_TRUE(report.complete());
  EXPECT_EQ(report.prefix, "");
  report = load(outer, under("model.", own));
  EXPECT_TRUE(report.complete());
  EXPECT_EQ(report.prefix, "model.");
}

TEST_F(LoadTest, NamesOfAPrefixedFileAreItsOwnInTheReport) {
  Tree tree = under("module.", weights);
  tree["module.fc1.weight"] = tree.at("module.fc.weight");
  tree.erase("module.fc.weight");
  const LoadReport report = load_into_b(tree);
  EXPECT_EQ(report.missing, Names{"fc.weight"});
  EXPECT_EQ(report.unused, Names{"module.fc1.weight"});
  EXPECT_HAS(report.str(), "\"fc.weight\" is missing; did the file mean \"module.fc1.weight\"?");
}

TEST_F(LoadTest, WholeNumbersAreNoWeights) {
  const std::string before = fingerprint(parameters(b));
  Tree tree;
  tree["fc.weight"] = Tensor::from(std::vector<int8_t>(20, 1), {5, 4});
  tree["fc.bias"] = cast(ones({5}), Dtype::boolean).eval();
  tree["bn.running_mean"] = zeros({4}, Dtype::i64);
  const LoadReport report = load_into_b(tree);
  EXPECT_EQ(report.loaded, 0);
  EXPECT_EQ(
      report.mismatched,
      (Names{
          "bn.running_mean: expected f32, got i64",
          "fc.bias: expected f32, got bool",
          "fc.weight: expected f32, got i8"}));
  for (const char* name : {"fc.weight", "fc.bias", "bn.running_mean"})
    EXPECT_TRUE(report.not_loaded().contains(name)) << name;
  EXPECT_EQ(fingerprint(parameters(b)), before);
}

TEST_F(LoadTest, FloatsOfAnyTypeAreWeights) {
  for (Dtype t : {Dtype::f16, Dtype::bf16, Dtype::f64}) {
    Tree tree = weights;
    tree["fc.weight"] = cast(full({5, 4}, 0.5), t).eval();
    EXPECT_TRUE(load(b, tree).complete()) << name_of(t);
    EXPECT_EQ(parameters(b).at("fc.weight").dtype(), Dtype::f32);
    EXPECT_EQ(parameters(b).at("fc.weight").to_vector(), std::vector<float>(20, 0.5F));
  }
}

TEST_F(LoadTest, CountersTakeWholeNumbersOfAnyType) {
  auto with_counter = [&](const Tensor& t) {
    Tree tree = weights;
    tree["bn.num_batches_tracked"] = t;
    return load_into_b(tree);
  };
  for (const Tensor& t :
       {Tensor::from<int32_t>({7}, {}),
        Tensor::from<float>({7}, {}),
        Tensor::from<uint8_t>({7}, {})})
    EXPECT_TRUE(with_counter(t).complete()) << t.str();
  EXPECT_EQ(state(b).at("bn.num_batches_tracked").dtype(), Dtype::i64);
  EXPECT_EQ(state(b).at("bn.num_batches_tracked").item<int>(), 7);
  const std::string name = "bn.num_batches_tracked: ";
  EXPECT_EQ(
      with_counter(Tensor::from<float>({7.5F}, {})).mismatched,
      Names{name + "expected i64, got f32 with 7.5"});
  EXPECT_EQ(
      with_counter(Tensor::from<double>({1e19}, {})).mismatched,
      Names{name + "expected i64, got f64 with 1e+19"});
  EXPECT_EQ(
      with_counter(Tensor::from<float>({std::numeric_limits<float>::infinity()}, {})).mismatched,
      Names{name + "expected i64, got f32 with inf"});
  EXPECT_EQ(state(b).at("bn.num_batches_tracked").item<int>(), 7);
}

TEST_F(LoadTest, NumbersThatF32DoesNotHoldAreRefused) {
  const double infinite = std::numeric_limits<double>::infinity();
  Tree tree = weights;
  tree["fc.bias"] = Tensor::from<double>({1, infinite, -1e300, 2, 1e40}, {5});
  const LoadReport report = load_into_b(tree);
  EXPECT_EQ(
      report.mismatched,
      Names{
          "fc.bias: expected f32, got f64 with numbers of up to 1e+300, which f32 does not hold"});
  tree["fc.bias"] = Tensor::from<double>({1, infinite, -3e38, 2, 1e-300}, {5});
  EXPECT_TRUE(load(b, tree).complete());
  EXPECT_EQ(parameters(b).at("fc.bias").to_vector()[2], -3e38F);
}

TEST_F(LoadTest, NamesDoNotReachTheTerminalAsTheyAre) {
  const std::string name = "module.x\n  fake line\x1b[31m";
  Tree tree = under("module.", weights);
  tree[name] = random_input({2}, 1);
  const LoadReport report = load_into_b(tree);
  EXPECT_EQ(report.unused, Names{name});
  EXPECT_HAS(report.str(), "1 unused: module.x?  fake line?[31m");
  EXPECT_EQ(report.str().find('\x1b'), std::string::npos);
  EXPECT_EQ(message_of([&] { load(b, tree); }).find('\x1b'), std::string::npos);

  tree = under("p\x1bq.", weights);
  EXPECT_HAS(load_into_b(tree).str(), "from under \"p?q.\"");
}

}  // namespace
}  // namespace fovea::nn
