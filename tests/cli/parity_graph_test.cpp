#include <map>
#include <set>

#include <nlohmann/json.hpp>

#include "fovea/formats/onnx.h"
#include "fovea/models/model_file.h"
#include "fovea/models/registry.h"
#include "fovea/ops/create.h"
#include "fovea/ops/elementwise.h"
#include "fovea/ops/random.h"
#include "tests/cli/command.h"

namespace fovea::test {
namespace {

using Json = nlohmann::json;

// Models beside the ONNX files that the command writes from them, as they are or changed.
class CliParityGraph : public CommandTest {
 protected:
  // m.safetensors and m.onnx; statistics as training leaves them, so that norms do something.
  void make(const std::string& name) {
    const models::Entry& e = models::find(name);
    models::Model m;
    m.architecture = {.name = name, .input = e.input, .classes = 10};
    m.net = models::build(m.architecture);
    nn::initialize(*m.net, Key(1));
    Tree values = nn::state(*m.net);
    uint64_t seed = 1;
    for (auto& [path, t] : values) {
      if (path.ends_with("running_mean"))
        t = random_uniform(t.shape(), Key(++seed), -0.2, 0.2).eval();
      if (path.ends_with("running_var"))
        t = random_uniform(t.shape(), Key(++seed), 0.6, 1.4).eval();
    }
    nn::assign(*m.net, values);
    m.preprocess =
        data::Preprocess::named("unit", int(e.input[0]), int(e.input[1]), int(e.input[2]));
    m.classes = models::numbered_classes(10);
    models::save_model(path("m.safetensors"), m);
    const Outcome o = fovea("convert m.safetensors m.onnx");
    if (o.code != 0) GTEST_SKIP() << o.err;  // a build without ONNX
  }

  Json parity(const std::string& onnx, int code) const {
    const Outcome o = fovea("parity m.safetensors " + onnx + " --json");
    EXPECT_EQ(o.code, code) << o.out << o.err;
    return Json::parse(o.out, nullptr, false);
  }

  static std::set<std::string> stages_of(const Json& j) {
    std::set<std::string> names;
    for (const Json& stage : j.at("stages")) names.insert(stage.at("stage"));
    return names;
  }

  // m.onnx with nodes and values called by numbers, as PyTorch's newer exporter writes them; the
  // weights, too, where asked for. `change` is given each weight, by its old name.
  template <class F>
  void write_numbered(const std::string& name, bool weights, F change) const {
    formats::OnnxModel m = formats::read_onnx(path("m.onnx"));
    std::map<std::string, std::string> now;
    int number = 0;
    for (formats::OnnxNode& node : m.nodes) {
      node.name = "node_" + node.op + "_" + std::to_string(++number);
      for (std::string& out : node.outputs)
        if (out != m.outputs[0].name) out = now[out] = "val_" + std::to_string(++number);
    }
    for (auto& [weight, t] : m.initializers) {
      change(weight, t);
      if (weights) weight = now[weight] = "held_" + std::to_string(++number);
    }
    for (formats::OnnxNode& node : m.nodes)
      for (std::string& in : node.inputs)
        if (now.contains(in)) in = now[in];
    write(name, formats::onnx_bytes(m));
  }
};

// With a shortcut's convolution between a norm and what it normalises, with a norm of the next
// block behind a convolution, and with the factors of stochastic depth behind norms.
TEST_F(CliParityGraph, WhatTheExportFoldsIsNoDifference) {
  const std::pair<const char*, const char*> networks[] = {
      {"resnet18_cifar", "layer2.0.bn2"},
      {"preact_resnet20", "layer1.0.bn1"},
      {"resnet110_sd", "layer1.0.bn2"}};
  for (const auto& [name, stage] : networks) {
    SCOPED_TRACE(name);
    make(name);
    if (IsSkipped()) return;
    const Json j = parity("m.onnx", 0);
    EXPECT_EQ(j.at("first"), nullptr);
    EXPECT_EQ(j.at("note"), nullptr);
    EXPECT_TRUE(stages_of(j).contains(stage));
  }
}

TEST_F(CliParityGraph, WeightsNameNumberedNodes) {
  make("lenet5");
  if (IsSkipped()) return;
  write_numbered("same.onnx", false, [](const std::string&, Tensor&) {});
  const std::set<std::string> stages = stages_of(parity("same.onnx", 0));
  for (const char* name : {"conv1", "conv2", "fc1", "fc2", "fc3", "output"})
    EXPECT_TRUE(stages.contains(name)) << name;

  write_numbered("other.onnx", false, [](const std::string& name, Tensor& t) {
    if (name == "conv2.bias") t = (t + ones(t.shape())).eval();
  });
  EXPECT_EQ(parity("other.onnx", 4).at("first"), "conv2");
}

TEST_F(CliParityGraph, SaysWhereNoLayersCorrespond) {
  make("lenet5");
  if (IsSkipped()) return;
  write_numbered("numbers.onnx", true, [](const std::string&, Tensor&) {});
  const std::string note = "no layer names in common: only preprocessing and output compared";
  EXPECT_EQ(parity("numbers.onnx", 0).at("note"), note);
  const Outcome o = fovea("parity m.safetensors numbers.onnx");
  EXPECT_EQ(o.code, 0) << o.err;
  EXPECT_HAS(o.out, note);
  EXPECT_HAS(o.out, "at every stage that was compared");
}

// The last pooling gives (N, 10) here, and (N, 10, 1, 1) there.
TEST_F(CliParityGraph, AxesOfOneAreNoDifference) {
  make("nin_cifar");
  if (IsSkipped()) return;
  formats::OnnxModel m = formats::read_onnx(path("m.onnx"));
  ASSERT_EQ(m.nodes.back().name, "pool3.Flatten");
  m.nodes.back().name = "tail";
  write("tail.onnx", formats::onnx_bytes(m));
  EXPECT_TRUE(stages_of(parity("tail.onnx", 0)).contains("pool3"));
}

}  // namespace
}  // namespace fovea::test
