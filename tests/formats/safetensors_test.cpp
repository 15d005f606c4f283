#include "fovea/formats/safetensors.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <functional>
#include <limits>

#include "tests/formats/files.h"
#include "tests/support/test_data.h"

namespace fovea::formats {
namespace {

class Safetensors : public FolderTest {};

std::string le64(uint64_t value) {
  std::string text(8, '\0');
  std::memcpy(text.data(), &value, 8);
  return text;
}

// A file of that header and data, with a true header length.
std::string file_of(const std::string& header, const std::string& data) {
  return le64(header.size()) + header + data;
}

std::string error_of(const std::string& file) {
  return io_error([&] { SafetensorsFile::parse(bytes_of(file), "w.safetensors"); });
}

std::string error_of_header(const std::string& header, size_t data_size = 16) {
  return error_of(file_of(header, std::string(data_size, '\1')));
}

std::string tensor(const std::string& dtype, const std::string& shape, const std::string& offsets) {
  return R"({"dtype":")" + dtype + R"(","shape":)" + shape + R"(,"data_offsets":)" + offsets + "}";
}

TEST_F(Safetensors, RoundTripKeepsEveryBit) {
  std::vector<float> f{
      1.5f,
      -0.0f,
      std::numeric_limits<float>::quiet_NaN(),
      std::numeric_limits<float>::infinity(),
      std::numeric_limits<float>::denorm_min(),
      std::bit_cast<float>(0xffc12345u)};
  std::vector<double> d{M_PI};
  std::vector<uint16_t> h{0x3c00, 0x7e01};
  std::vector<int8_t> i8{-1, 0, 1};
  std::vector<uint8_t> u8{255}, boolean{1, 0};
  std::vector<int32_t> i32{-7};
  std::vector<int64_t> i64{1ll << 40}, none;
  std::vector<NamedTensorView> in{
      {"f", {Dtype::f32, {2, 3}, bytes_of(f)}},
      {"d", {Dtype::f64, {1}, bytes_of(d)}},
      {"half", {Dtype::f16, {2}, bytes_of(h)}},
      {"brain", {Dtype::bf16, {2, 1}, bytes_of(h)}},
      {"i8", {Dtype::i8, {3}, bytes_of(i8)}},
      {"u8", {Dtype::u8, {1, 1}, bytes_of(u8)}},
      {"i32", {Dtype::i32, {}, bytes_of(i32)}},
      {"i64", {Dtype::i64, {}, bytes_of(i64)}},
      {"bool", {Dtype::boolean, {2}, bytes_of(boolean)}},
      {"empty", {Dtype::i64, {3, 0}, bytes_of(none)}},
  };
  Metadata metadata{{"fovea", R"({"classes":["a","é"]})"}, {"", "\n\t\"\\"}};
  auto path = folder_ / "w.safetensors";
  write_safetensors(path, in, metadata);

  auto file = SafetensorsFile::open(path);
  EXPECT_EQ(file.metadata(), metadata);
  ASSERT_EQ(file.tensors().size(), in.size());
  for (const auto& [name, view] : in) {
    const TensorView& out = file.at(name);
    EXPECT_EQ(out.dtype, view.dtype) << name;
    EXPECT_EQ(out.shape, view.shape) << name;
    ASSERT_EQ(out.bytes.size(), view.bytes.size()) << name;
    EXPECT_TRUE(std::ranges::equal(out.bytes, view.bytes)) << name;
    EXPECT_EQ(reinterpret_cast<uintptr_t>(out.bytes.data()) % size_of(view.dtype), 0u) << name;
  }

  write_safetensors(folder_ / "again.safetensors", in, metadata);
  EXPECT_EQ(read_file(path), read_file(folder_ / "again.safetensors"));
}

TEST_F(Safetensors, NoTensorsIsAFile) {
  write_safetensors(folder_ / "none.safetensors", {});
  EXPECT_EQ(read_file(folder_ / "none.safetensors"), le64(8) + "{}      ");
  EXPECT_TRUE(SafetensorsFile::open(folder_ / "none.safetensors").tensors().empty());
}

TEST_F(Safetensors, WritesTheBytesOfTheReferenceWriter) {
  auto reference = test::fixture("reference.safetensors");
  auto file = SafetensorsFile::open(reference);
  EXPECT_EQ(file.metadata(), (Metadata{{"note", "caf\u00e9 \"x\"\n\u0001"}}));
  EXPECT_EQ(file.at("b.weight").shape, Shape({2, 3}));
  float values[6];
  std::memcpy(values, file.at("b.weight").bytes.data(), sizeof values);
  EXPECT_EQ(std::vector(values, values + 6), (std::vector<float>{0, 1, 2, 3, 4, 5}));
  EXPECT_EQ(file.at("scalar").shape, Shape());

  std::vector<NamedTensorView> tensors;
  for (const auto& [name, view] : file.tensors()) tensors.push_back({name, view});
  write_safetensors(folder_ / "ours.safetensors", tensors, file.metadata());
  EXPECT_EQ(read_file(folder_ / "ours.safetensors"), read_file(reference));
}

TEST_F(Safetensors, EveryTruncationIsAnError) {
  std::vector<float> values(5000, 1.0f);
  std::vector<NamedTensorView> in{
      {"a", {Dtype::f32, {5000}, bytes_of(values)}},
      {"b", {Dtype::f32, {50, 100}, bytes_of(values)}}};
  write_safetensors(folder_ / "w.safetensors", in, {{"key", "value"}});
  std::string whole = read_file(folder_ / "w.safetensors");
  uint64_t header;
  std::memcpy(&header, whole.data(), 8);
  for (size_t size = 0; size < whole.size(); size += size <= header + 8 ? 1 : 1024) {
    EXPECT_HAS(error_of(whole.substr(0, size)), "truncated") << size;
  }
  EXPECT_HAS(error_of(whole.substr(0, whole.size() - 1)), "truncated");
  EXPECT_EQ(error_of(whole), "");
}

TEST_F(Safetensors, EveryFlippedHeaderByteIsRefusedOrStillConsistent) {
  std::vector<float> values(8);
  std::vector<NamedTensorView> in{{"a", {Dtype::f32, {2, 4}, bytes_of(values)}}};
  write_safetensors(folder_ / "w.safetensors", in);
  std::string whole = read_file(folder_ / "w.safetensors");
  for (size_t at = 0; at + sizeof(float) * values.size() < whole.size(); ++at)
    for (int value = 0; value < 256; ++value) {
      std::string changed = whole;
      changed[at] = char(value);
      if (!error_of(changed).empty()) continue;
      auto file = SafetensorsFile::parse(bytes_of(changed), "w");
      for (const auto& [name, view] : file.tensors())
        EXPECT_EQ(size_t(view.shape.numel()) * size_of(view.dtype), view.bytes.size());
    }
}

TEST_F(Safetensors, HeaderLengthIsCheckedFirst) {
  EXPECT_EQ(
      error_of(le64(10'000'000'000) + "{}"),
      "w.safetensors: expected a header of at most 100000000 bytes, got a length of 10000000000; "
      "it "
      "is probably no safetensors file (at byte 0)");
  EXPECT_HAS(error_of(le64(UINT64_MAX) + "{}"), "at most 100000000 bytes");
  EXPECT_EQ(
      error_of(le64(1000) + "{}"),
      "w.safetensors: the file is truncated: it ends at byte 10, its header at byte 1008 (at byte "
      "10)");
  EXPECT_EQ(
      error_of("abc"),
      "w.safetensors: the file is truncated: expected an 8-byte header length, the file has 3 "
      "bytes "
      "(at byte 3)");
  EXPECT_HAS(
      error_of("PK\x03\x04 and more bytes"), "PyTorch checkpoint, which `fovea convert` reads");
  EXPECT_HAS(error_of("version https://git-lfs.github.com/spec/v1"), "git lfs pull");
}

TEST_F(Safetensors, HeaderMustBeJsonOfTheFormat) {
  EXPECT_HAS(error_of_header("{", 0), "not valid JSON");
  EXPECT_HAS(error_of_header("{} {}", 0), "not valid JSON");
  EXPECT_HAS(error_of_header("{\"a\xff\":1}", 0), "not valid JSON");
  EXPECT_EQ(
      error_of_header(std::string("{}\0{}", 5), 0),
      "w.safetensors: the header is not valid JSON: it contains a zero byte (at byte 10)");
  EXPECT_HAS(error_of_header("[]", 0), "expected an object of tensors, got an array");
  EXPECT_HAS(error_of_header("null", 0), "got null");
  EXPECT_HAS(error_of_header(R"({"a":1})"), "'a': expected an object with dtype, shape");
  EXPECT_HAS(error_of_header(R"({"a":{}})"), "tensor 'a' lacks dtype");
  EXPECT_HAS(error_of_header(R"({"a":{"dtype":"F32","shape":[4]}})"), "lacks data_offsets");
  EXPECT_HAS(error_of_header(R"({"a":{"dtype":true}})"), "a string as dtype, got a bool");
  EXPECT_HAS(error_of_header(R"({"a":{"extra":1}})"), "data_offsets, got 'extra'");
  EXPECT_HAS(error_of_header(R"({"a":)" + tensor("F32", "[-4]", "[0,16]") + "}"), "number -4");
  EXPECT_HAS(error_of_header(R"({"a":)" + tensor("F32", "[4.0]", "[0,16]") + "}"), "number 4.0");
  EXPECT_HAS(error_of_header(R"({"a":)" + tensor("F32", "[[4]]", "[0,16]") + "}"), "an array");
  EXPECT_HAS(
      error_of_header(R"({"a":)" + tensor("F32", "[4]", "[0]") + "}"),
      "expected two data_offsets, got 1");
  EXPECT_HAS(
      error_of_header(R"({"a":)" + tensor("F32", "[4]", "[0,16,16]") + "}"),
      "two non-negative integers");
  EXPECT_HAS(
      error_of_header(R"({"a":)" + tensor("F32", "[1,1,1,1,1,1,1,1,4]", "[0,16]") + "}"),
      "more than 8 axes");
  EXPECT_HAS(error_of_header(R"({"__metadata__":{"a":1}})", 0), "a string as metadata, got");
  EXPECT_HAS(error_of_header(R"({"__metadata__":[]})", 0), "an object of strings as metadata");
  EXPECT_HAS(error_of_header(std::string(100'000, '[')), "expected an object of tensors");
}

TEST_F(Safetensors, DuplicateKeysAreRefused) {
  std::string t = tensor("U8", "[8]", "[0,8]"), u = tensor("U8", "[8]", "[8,16]");
  EXPECT_HAS(error_of_header(R"({"a":)" + t + R"(,"a":)" + u + "}"), "'a' appears twice");
  EXPECT_HAS(error_of_header(R"({"__metadata__":{},"__metadata__":{}})", 0), "appears twice");
  EXPECT_HAS(
      error_of_header(R"({"__metadata__":{"k":"1","k":"2"}})", 0),
      "metadata key 'k' appears twice");
  EXPECT_HAS(error_of_header(R"({"a":{"dtype":"F32","dtype":"F32"}})"), "key 'dtype' twice");
  EXPECT_HAS(error_of_header(R"({"a":{"shape":[],"shape":[]}})"), "key 'shape' twice");
}

TEST_F(Safetensors, UnknownDtypeIsNamed) {
  EXPECT_HAS(
      error_of_header(R"({"a":)" + tensor("F8_E4M3", "[16]", "[0,16]") + "}"),
      "tensor 'a' has dtype F8_E4M3, which is not supported; expected F32, F64");
}

TEST_F(Safetensors, LyingOffsetsAreRefused) {
  EXPECT_EQ(
      error_of_header(R"({"a":)" + tensor("F32", "[4]", "[0,20]") + "}"),
      "w.safetensors: the file is truncated or its header wrong: it ends at byte 79, tensor 'a' "
      "needs 4 bytes more (at byte 79)");
  EXPECT_HAS(
      error_of_header(R"({"a":)" + tensor("F32", "[4]", "[16,0]") + "}"),
      "tensor 'a' ends at 0 before it begins at 16");
  EXPECT_EQ(
      error_of_header(R"({"a":)" + tensor("F32", "[3]", "[0,16]") + "}"),
      "w.safetensors: tensor 'a': expected 12 bytes for f32 of shape (3), its data_offsets span 16 "
      "(at byte 63)");
  EXPECT_HAS(
      error_of_header(R"({"a":)" + tensor("F32", "[4294967296,4294967296]", "[0,16]") + "}"),
      "larger than any memory");
  EXPECT_HAS(
      error_of_header(R"({"a":)" + tensor("F32", "[0,4294967296,4294967296]", "[0,0]") + "}", 0),
      "larger than any memory");
  EXPECT_HAS(
      error_of_header(
          R"({"a":)" + tensor("F32", "[4]", "[18446744073709551615,18446744073709551615]") + "}"),
      "truncated or its header wrong");
}

TEST_F(Safetensors, OverlapsAndHolesAreRefused) {
  auto two = [](const std::string& a, const std::string& b) {
    return R"({"a":)" + tensor("U8", "[8]", a) + R"(,"b":)" + tensor("U8", "[8]", b) + "}";
  };
  EXPECT_EQ(error_of_header(two("[8,16]", "[0,8]")), "");
  EXPECT_HAS(error_of_header(two("[0,8]", "[4,12]")), "'b' overlaps tensor 'a'");
  EXPECT_HAS(error_of_header(two("[0,8]", "[0,8]")), "overlaps");
  EXPECT_HAS(error_of_header(two("[0,8]", "[9,17]"), 17), "1 bytes before tensor 'b' belong to no");
  EXPECT_HAS(error_of_header(two("[0,8]", "[8,16]"), 19), "3 bytes after the last tensor");
}

TEST_F(Safetensors, BoolsAreZeroOrOne) {
  std::string header = R"({"a":)" + tensor("BOOL", "[2]", "[0,2]") + "}";
  EXPECT_EQ(error_of(file_of(header, std::string("\0\1", 2))), "");
  EXPECT_HAS(error_of(file_of(header, "\1\2")), "expected bools of 0 or 1, got 2");
}

TEST_F(Safetensors, MissingFileAndFolderAreErrors) {
  EXPECT_HAS(io_error([&] { SafetensorsFile::open(folder_ / "absent"); }), "No such file");
  EXPECT_HAS(io_error([&] { SafetensorsFile::open(folder_); }), "expected a file, got a folder");
}

std::string argument_error(const std::function<void()>& run) {
  try {
    run();
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "";
}

TEST_F(Safetensors, CallerMistakesAreNamed) {
  std::string file = file_of(
      R"({"fc.bias":)" + tensor("U8", "[8]", "[0,8]") + R"(,"fc.weight":)" +
          tensor("U8", "[8]", "[8,16]") + "}",
      std::string(16, ' '));
  auto parsed = SafetensorsFile::parse(bytes_of(file), "w.safetensors");
  EXPECT_EQ(
      argument_error([&] { parsed.at("fc.wieght"); }),
      "w.safetensors has no tensor 'fc.wieght' among its 2; the nearest names are 'fc.weight'");

  std::vector<float> two(2);
  NamedTensorView good{"a", {Dtype::f32, {2}, bytes_of(two)}};
  auto write = [&](std::vector<NamedTensorView> tensors, const Metadata& metadata = {}) {
    return argument_error([&] { write_safetensors(folder_ / "w", tensors, metadata); });
  };
  EXPECT_HAS(write({good, good}), "a name of its own, got 'a'");
  NamedTensorView reserved = good;
  reserved.name = "__metadata__";
  EXPECT_HAS(write({reserved}), "got '__metadata__'");
  NamedTensorView wrong = good;
  wrong.tensor.shape = {3};
  EXPECT_HAS(write({wrong}), "tensor 'a': expected 12 bytes for f32 of shape (3), got 8");
  EXPECT_HAS(write({good}, {{"k", "\xff"}}), "in UTF-8");
  EXPECT_FALSE(std::filesystem::exists(folder_ / "w"));
}

TEST(SafetensorsData, ReadsPublishedWeights) {
  auto path = test::data_root() / "cifar_resnet" / "resnet20-12fca82f.safetensors";
  FOVEA_NEEDS_DATA(path);
  auto file = SafetensorsFile::open(path);
  const TensorView& stem = file.at("module.conv1.weight");
  EXPECT_EQ(stem.dtype, Dtype::f32);
  EXPECT_EQ(stem.shape, Shape({16, 3, 3, 3}));
  EXPECT_EQ(file.at("module.linear.weight").shape, Shape({10, 64}));
  for (size_t at = 0; at < stem.bytes.size(); at += sizeof(float)) {
    float value;
    std::memcpy(&value, stem.bytes.data() + at, sizeof value);
    EXPECT_TRUE(std::isfinite(value));
    EXPECT_LT(std::abs(value), 10);
  }
}

}  // namespace
}  // namespace fovea::formats
