// What files may hold that fovea does not write: tensors in files of their own, and halves.
#include <filesystem>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "fovea/core/errors.h"
#include "fovea/onnx/graph.h"
#include "tests/onnx/nodes.h"
#include "tests/support/check_op.h"
#include "tests/support/expect.h"
#include "tests/support/folder.h"

namespace fovea::onnx {
namespace {

namespace fs = std::filesystem;
using formats::OnnxModel;
using test::message_of;

// Fields of protobuf messages, by their numbers in onnx.proto.
std::string varint(uint64_t n) {
  std::string text;
  for (; n > 127; n >>= 7) text += char(n | 128);
  return text + char(n);
}
std::string number(int field, uint64_t n) { return varint(uint64_t(field) << 3) + varint(n); }
std::string text(int field, const std::string& bytes) {
  return varint(uint64_t(field) << 3 | 2) + varint(bytes.size()) + bytes;
}

std::string entry(const char* key, const std::string& value) {
  return text(13, text(1, key) + text(2, value));
}

// y = x w for x (N, 2), with w (2, 3) in another file.
std::string model_with(const std::string& entries) {
  OnnxModel m;
  m.opsets[""] = 17;
  m.inputs.push_back({"x", "f32", Dtype::f32, std::vector<int64_t>{-1, 2}});
  m.outputs.push_back({"y", "f32", Dtype::f32, std::vector<int64_t>{-1, 3}});
  m.nodes = {node("MatMul", {"x", "w"}, "y")};
  const std::string w =
      number(1, 2) + number(1, 3) + number(2, 1) + text(8, "w") + entries + number(14, 1);
  return formats::unchecked_onnx_bytes(m) + text(7, text(5, w));  // one more initializer
}

class OnnxFile : public test::FolderTest {
 protected:
  void SetUp() override {
    test::FolderTest::SetUp();
    std::string data(8, '?');
    const float weights[] = {1, 2, 3, 10, 20, 30};
    data.append(reinterpret_cast<const char*>(weights), sizeof weights);
    write("models/net.data", data);
    write("net.data", data);
  }
  std::string refused(const std::string& entries) const {
    write("models/net.onnx", model_with(entries));
    return message_of([&] { load(path("models/net.onnx")); });
  }
  const std::string place = entry("offset", "8") + entry("length", "24");
};

TEST_F(OnnxFile, WeightsMayLieBesideTheModel) {
  const Tensor x = Tensor::from<float>({1, 2}, {1, 2});
  const std::vector<float> expected{21, 42, 63};
  const std::string location = entry("location", "net.data");
  for (const std::string& entries :
       {location + place,
        location + entry("offset", "8"),
        location + place + entry("checksum", "of another file")}) {
    write("models/net.onnx", model_with(entries));
    EXPECT_EQ(load(path("models/net.onnx"))->run({&x, 1})[0].to_vector(), expected);
  }
  write("models/parts/w", std::string(24, '\0'));
  write("models/net.onnx", model_with(entry("location", "parts/w")));
  EXPECT_EQ(
      load(path("models/net.onnx"))->run({&x, 1})[0].to_vector(), (std::vector<float>{0, 0, 0}));

  // A cache of files by their contents, to which folders of models link.
  write("blobs/1", model_with(location + place));
  write("blobs/2", read("net.data"));
  fs::create_directories(path("snapshot"));
  fs::create_symlink("../blobs/1", path("snapshot/net.onnx"));
  fs::create_symlink("../blobs/2", path("snapshot/net.data"));
  EXPECT_EQ(load(path("snapshot/net.onnx"))->run({&x, 1})[0].to_vector(), expected);
}

TEST_F(OnnxFile, NothingOutsideOfItsFolderIsRead) {
  EXPECT_HAS(
      refused(entry("location", "other.data") + place),
      "tensor \"w\" lies in the file \"other.data\", which must be beside the model");
  for (const std::string& location :
       {path("models/net.data"), std::string("../net.data"), std::string()})
    EXPECT_HAS(
        refused(entry("location", location) + place),
        "expected a path below the folder of the model");
  fs::create_symlink(path("net.data"), path("models/link.data"));
  EXPECT_HAS(
      refused(entry("location", "link.data") + place), "a link out of the folder of the model");
  fs::create_directories(path("models/folder"));
  EXPECT_HAS(refused(entry("location", "folder") + place), "expected a file, got");

  const std::string bytes = model_with(entry("location", "net.data") + place);
  EXPECT_HAS(
      message_of([&] { parse(std::as_bytes(std::span(bytes)), "bytes"); }),
      "not supported: tensor \"w\" in another file (external data)");
}

TEST_F(OnnxFile, PlacesInOtherFilesMustFit) {
  const std::string location = entry("location", "net.data");
  EXPECT_HAS(
      refused(location + entry("offset", "8") + entry("length", "20")),
      "tensor \"w\": expected 24 bytes in \"net.data\", got 20");
  EXPECT_HAS(
      refused(location + entry("offset", "9") + entry("length", "24")),
      "expected 24 bytes at 9 of \"net.data\", which has 32; is it cut short?");
  EXPECT_HAS(
      refused(location + entry("offset", "18446744073709551615")),
      "which has 32; is it cut short?");
  for (const char* wrong : {"-1", "8 ", "eight", "99999999999999999999"})
    EXPECT_HAS(
        refused(location + entry("offset", wrong)),
        fmt::format("expected a number of bytes as offset, got \"{}\"", wrong));
}

TEST(OnnxTensor, HalvesAreListedByTheirBits) {
  auto values = [](uint64_t type, uint64_t one, uint64_t minus_two) {
    const std::string bytes =
        number(1, 2) + number(2, type) + text(5, varint(one) + varint(minus_two));
    return formats::parse_onnx_tensor(std::as_bytes(std::span(bytes)), "t").to_vector();
  };
  const std::vector<float> expected{1, -2};
  EXPECT_EQ(values(10, 0x3C00, 0xC000), expected);
  EXPECT_EQ(values(16, 0x3F80, 0xC000), expected);
}

}  // namespace
}  // namespace fovea::onnx
