#include <gtest/gtest.h>

#include "fovea/onnx/graph.h"
#include "tests/onnx/nodes.h"

namespace fovea::onnx {
namespace {

// 11 / 1.1F is 10 in f32 and just below it in f64; likewise 10 times 0.7F. Which pixel is nearest,
// and how many there are, must be as in programs that compute in f32 (ONNX Runtime).
TEST(OnnxResize, FindsPixelsInSinglePrecision) {
  auto resized = [](int64_t width, float scale) {
    formats::OnnxModel m;
    m.opsets[""] = 17;
    m.inputs.push_back({"x", "f32", Dtype::f32, std::vector<int64_t>{1, 1, 1, width}});
    m.outputs.push_back({"y", "f32", Dtype::f32, std::vector<int64_t>{1, 1, 1, -1}});
    m.initializers.emplace_back("scales", Tensor::from<float>({1, 1, 1, scale}, {4}));
    m.nodes = {node("Resize", {"x", "", "scales"}, "y")};
    using Type = formats::OnnxAttribute::Type;
    m.nodes[0].attributes = {
        {"mode", {.type = Type::text, .text = "nearest"}},
        {"coordinate_transformation_mode", {.type = Type::text, .text = "asymmetric"}},
        {"nearest_mode", {.type = Type::text, .text = "floor"}}};
    std::vector<float> values;
    for (int64_t i = 0; i < width; ++i) values.push_back(float(i));
    const Tensor x = Tensor::from(values, {1, 1, 1, width});
    return Graph(m).run({&x, 1})[0].to_vector();
  };
  const std::vector<float> wide = resized(20, 1.1F);
  ASSERT_EQ(wide.size(), 22u);
  EXPECT_EQ(wide[10], 9);
  EXPECT_EQ(wide[11], 10);
  EXPECT_EQ(resized(10, 0.7F).size(), 7u);
}

}  // namespace
}  // namespace fovea::onnx
