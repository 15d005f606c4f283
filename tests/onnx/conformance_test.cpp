// The test suite of the ONNX standard: one node or one small model each, with inputs and outputs.
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "fovea/core/errors.h"
#include "fovea/formats/mapped_file.h"
#include "fovea/formats/onnx.h"
#include "fovea/onnx/graph.h"
#include "tests/support/folder.h"
#include "tests/support/test_data.h"

namespace fovea::onnx {
namespace {

namespace fs = std::filesystem;

enum class Outcome { passed, refused, failed };

struct Verdict {
  Outcome outcome;
  std::string why;
};

struct Count {
  int passed = 0, refused = 0, failed = 0;
  std::string str(const std::string& name) const {
    return fmt::format(
        "{:28} {:4} passed {:4} not supported {:4} failed\n", name, passed, refused, failed);
  }
  void add(Outcome o) {
    ++(o == Outcome::passed ? passed : o == Outcome::refused ? refused : failed);
  }
};

Tensor read_tensor(const fs::path& path) {
  formats::MappedFile file(path);
  return formats::parse_onnx_tensor(file.bytes(), path.string());
}

// "" or how the two differ: floats by more than 1e-4 of the value and 1e-5 of the largest.
std::string difference(const Tensor& got, const Tensor& expected) {
  if (got.dtype() != expected.dtype() || !(got.shape() == expected.shape()))
    return fmt::format("expected {}, got {}", expected.str(), got.str());
  const auto a = got.to_doubles(), b = expected.to_doubles();
  double largest = 1;
  for (double v : b)
    if (std::isfinite(v)) largest = std::max(largest, std::abs(v));
  for (size_t i = 0; i < a.size(); ++i) {
    if (a[i] == b[i] || (std::isnan(a[i]) && std::isnan(b[i]))) continue;
    const double allowed = is_float(got.dtype()) ? 1e-4 * std::abs(b[i]) + 1e-5 * largest : 0;
    if (!(std::abs(a[i] - b[i]) <= allowed))
      return fmt::format("element {}: expected {}, got {}", i, b[i], a[i]);
  }
  return "";
}

Verdict judge(const fs::path& model, const std::vector<fs::path>& data_sets) try {
  auto graph = load(model.string());
  for (const fs::path& folder : data_sets) {
    std::vector<Tensor> in;
    for (size_t i = 0; i < graph->inputs().size(); ++i)
      in.push_back(read_tensor(folder / fmt::format("input_{}.pb", i)));
    const auto out = graph->run(in);
    for (size_t i = 0; i < out.size(); ++i) {
      const auto expected = read_tensor(folder / fmt::format("output_{}.pb", i));
      if (auto why = difference(out[i], expected); !why.empty())
        return {Outcome::failed, fmt::format("output {}: {}", i, why)};
    }
  }
  return {Outcome::passed, ""};
} catch (const UnsupportedError& e) {
  return {Outcome::refused, e.what()};
} catch (const std::exception& e) {
  return {Outcome::failed, e.what()};
}

std::vector<fs::path> sorted(const fs::path& folder) {
  std::vector<fs::path> entries(fs::directory_iterator(folder), {});
  std::ranges::sort(entries);
  return entries;
}

// The operator a test is about: that of its only node, else "several".
std::string subject_of(const fs::path& model) try {
  const auto m = formats::read_onnx(model.string());
  return m.nodes.size() == 1 ? m.nodes[0].op : "(several nodes)";
} catch (const std::exception&) {
  return "(unreadable)";
}

class Conformance : public test::FolderTest {
 protected:
  void unpack(const fs::path& archive) const {
    const std::string command = fmt::format("tar -xJf '{}' -C '{}'", archive.string(), path());
    ASSERT_EQ(std::system(command.c_str()), 0) << command;
  }

  // Every test of a folder; prints the counts and returns the passed by subject.
  std::map<std::string, Count> run(const std::string& folder) const {
    std::map<std::string, Count> counts;
    Count all;
    for (const fs::path& entry : sorted(path(folder))) {
      if (!fs::exists(entry / "model.onnx")) continue;
      std::vector<fs::path> sets;
      for (const fs::path& inside : sorted(entry))
        if (fs::is_directory(inside)) sets.push_back(inside);
      const Verdict v = judge(entry / "model.onnx", sets);
      counts[subject_of(entry / "model.onnx")].add(v.outcome);
      all.add(v.outcome);
      if (v.outcome == Outcome::failed)
        ADD_FAILURE() << entry.filename() << ": " << v.why;
      else if (std::getenv("FOVEA_ONNX_VERBOSE") && v.outcome == Outcome::refused)
        fmt::print("{}: {}\n", entry.filename().string(), v.why);
    }
    for (const auto& [name, count] : counts) fmt::print("{}", count.str(name));
    fmt::print("{}", all.str(folder));
    return counts;
  }
};

TEST_F(Conformance, Nodes) {
  const auto archive = test::data_root() / "onnx_conformance" / "onnx_backend_node.tar.xz";
  FOVEA_NEEDS_DATA(archive);
  unpack(archive);
  auto counts = run("node");
  // What networks for vision need.
  for (const char* name : {"Abs",           "Add",
                           "And",           "ArgMax",
                           "AveragePool",   "BatchNormalization",
                           "Cast",          "Ceil",
                           "Clip",          "Concat",
                           "Constant",      "ConstantOfShape",
                           "Conv",          "ConvTranspose",
                           "DepthToSpace",  "Div",
                           "Dropout",       "Elu",
                           "Equal",         "Erf",
                           "Exp",           "Expand",
                           "Flatten",       "Floor",
                           "Gather",        "Gelu",
                           "Gemm",          "GlobalAveragePool",
                           "GlobalMaxPool", "Greater",
                           "HardSigmoid",   "HardSwish",
                           "Identity",      "InstanceNormalization",
                           "LRN",           "LayerNormalization",
                           "LeakyRelu",     "Less",
                           "LogSoftmax",    "MatMul",
                           "Max",           "MaxPool",
                           "Mean",          "Min",
                           "Mul",           "Neg",
                           "Not",           "Or",
                           "PRelu",         "Pad",
                           "Pow",           "Range",
                           "ReduceL2",      "ReduceMax",
                           "ReduceMean",    "ReduceMin",
                           "ReduceProd",    "ReduceSum",
                           "Reshape",       "Resize",
                           "Selu",          "Shape",
                           "Sigmoid",       "Slice",
                           "Softmax",       "Softplus",
                           "Softsign",      "SpaceToDepth",
                           "Split",         "Sqrt",
                           "Squeeze",       "Sub",
                           "Sum",           "ThresholdedRelu",
                           "Tile",          "TopK",
                           "Transpose",     "Unsqueeze",
                           "Upsample",      "Where"})
    EXPECT_GT(counts[name].passed, 0) << name;
  // Transformers and quantised networks as well.
  for (const char* name :
       {"Attention", "DequantizeLinear", "Einsum", "Hardmax", "Mod", "QuantizeLinear"})
    EXPECT_GT(counts[name].passed, 0) << name;
}

TEST_F(Conformance, Models) {
  const auto archive = test::data_root() / "onnx_conformance" / "onnx_backend_other.tar.xz";
  FOVEA_NEEDS_DATA(archive);
  unpack(archive);
  for (const char* folder : {"pytorch-converted", "pytorch-operator", "simple"}) run(folder);
}

// Networks of the model zoo with constant weights; the input is i / n for its n elements, the
// scores come from the suite's reference.
TEST_F(Conformance, LightModels) {
  const auto archive = test::data_root() / "onnx_conformance" / "onnx_backend_other.tar.xz";
  FOVEA_NEEDS_DATA(archive);
  unpack(archive);
  int passed = 0;
  for (const fs::path& entry : sorted(path("light"))) {
    fs::path answer = path("light") / entry.stem();
    answer += "_output_0.pb";
    if (entry.extension() != ".onnx" || !fs::exists(answer)) continue;
    SCOPED_TRACE(entry.filename().string());
    const auto graph = load(entry.string());
    const auto& shape = graph->inputs().at(0).shape.value();
    Tensor x = Tensor::empty(Shape(shape));
    auto values = x.mutable_data<float>();
    for (size_t i = 0; i < values.size(); ++i) values[i] = float(double(i) / double(values.size()));
    EXPECT_EQ(difference(graph->run({&x, 1}).at(0), read_tensor(answer)), "");
    ++passed;
  }
  EXPECT_GE(passed, 6);
}

}  // namespace
}  // namespace fovea::onnx
