#include "fovea/onnx/save.h"

#include <gtest/gtest.h>

#include "fovea/models/registry.h"
#include "fovea/onnx/graph.h"
#include "tests/support/folder.h"

namespace fovea::onnx {
namespace {

models::Model make(const std::string& name, const Shape& input) {
  models::Model m;
  m.architecture = {.name = name, .input = input, .classes = 7};
  m.net = models::build(m.architecture);
  nn::initialize(*m.net, Key{5});
  m.classes.assign(7, "a class");
  m.preprocess = {.height = int(input[0]), .width = int(input[1])};
  return m;
}

class Save : public test::FolderTest {};

TEST_F(Save, EveryKindOfNetwork) {
  const std::pair<const char*, Shape> networks[] = {
      {"two_layer", {32, 32, 3}},
      {"convnet", {32, 32, 3}},
      {"lenet5", {32, 32, 1}},
      {"resnet20", {32, 32, 3}},
      {"resnet18", {64, 64, 3}},
      {"squeezenet1_1", {65, 63, 3}},
      {"mobilenet_v1", {64, 64, 3}},
      {"mobilenet_v2", {64, 64, 3}}};
  for (const auto& [name, input] : networks) {
    SCOPED_TRACE(name);
    const models::Model m = make(name, input);
    const SaveReport report = save(m, path(name));
    EXPECT_GT(report.nodes, 3);
    EXPECT_LT(report.difference, 1e-5);
    const auto model = formats::read_onnx(path(name));
    EXPECT_EQ(model.metadata.at("preprocess"), m.preprocess.to_json());
    EXPECT_EQ(model.inputs.at(0).shape->at(0), -1);
    for (const auto& node : model.nodes) {
      EXPECT_NE(node.op, "Transpose");
      EXPECT_NE(node.op, "ReduceSum");
    }
  }
}

TEST_F(Save, KeepsWhatWasThereIfItFails) {
  write("net.onnx", "old");
  const models::Model m = make("lenet5", {32, 32, 1});
  EXPECT_THROW(save(m, path("net.onnx"), {.tolerance = -1}), std::runtime_error);
  EXPECT_EQ(std::filesystem::file_size(path("net.onnx")), 3u);
}

}  // namespace
}  // namespace fovea::onnx
