#include "fovea/formats/npy.h"

#include <cmath>

#include "tests/formats/files.h"
#include "tests/support/test_data.h"

namespace fovea::formats {
namespace {

class Npy : public FolderTest {};

std::string npy_of(const std::string& header, const std::string& data, char version = 1) {
  std::string text = std::string("\x93NUMPY") + version + '\0';
  text += {char(header.size()), char(header.size() >> 8)};
  if (version > 1) text += std::string(2, '\0');
  return text + header + data;
}

std::string error_of(const std::string& file) {
  return io_error([&] { parse_npy(bytes_of(file), "a.npy"); });
}

std::string header_of(const std::string& descr, const std::string& shape) {
  return "{'descr': '" + descr + "', 'fortran_order': False, 'shape': " + shape + ", }\n";
}

template <class T>
void expect_round_trip(
    const std::filesystem::path& path, const std::vector<T>& values, const Shape& shape) {
  Tensor in = Tensor::from_bytes(bytes_of(values), shape, dtype_of<T>);
  write_npy(path, in);
  EXPECT_EQ(read_file(path).size() % 64, values.size() * sizeof(T) % 64);
  Tensor out = read_npy(path);
  EXPECT_EQ(out.shape(), shape);
  EXPECT_EQ(out.dtype(), dtype_of<T>);
  EXPECT_TRUE(std::ranges::equal(out.bytes(), in.bytes()));
}

TEST_F(Npy, RoundTripKeepsEveryBit) {
  auto path = folder_ / "a.npy";
  expect_round_trip<float>(path, {1, NAN, -0.0f, INFINITY, 5, 6}, {2, 3});
  expect_round_trip<double>(path, {M_PI}, {});
  expect_round_trip<float16>(path, {float16(1.5f)}, {1});
  expect_round_trip<int8_t>(path, {-1, 2}, {2});
  expect_round_trip<uint8_t>(path, {255, 0, 1, 2}, {1, 2, 2, 1});
  expect_round_trip<int32_t>(path, {-7, 7}, {2, 1});
  expect_round_trip<int64_t>(path, {1ll << 40}, {1, 1});
  expect_round_trip<float>(path, {}, {0, 4});
  Tensor flags = Tensor::from<bool>({true, false}, {2});
  write_npy(path, flags);
  EXPECT_TRUE(std::ranges::equal(read_npy(path).bytes(), flags.bytes()));
}

TEST_F(Npy, ReadsAndWritesWhatNumpyWrites) {
  Tensor t = read_npy(test::fixture("numpy.npy"));
  EXPECT_EQ(t.shape(), Shape({2, 3}));
  EXPECT_EQ(t.to_vector(), (std::vector<float>{0, 1, 2, 3, 4, 5}));
  write_npy(folder_ / "ours.npy", t);
  EXPECT_EQ(read_file(folder_ / "ours.npy"), read_file(test::fixture("numpy.npy")));
}

TEST_F(Npy, VersionTwoAndAnyKeyOrder) {
  std::string header = "{ \"shape\":(2 ,) ,\"descr\":\"|u1\",\"fortran_order\":False}";
  std::string file = npy_of(header, "\1\2", 2);
  Tensor t = parse_npy(bytes_of(file), "a.npy");
  EXPECT_EQ(t.to_vector(), (std::vector<float>{1, 2}));
}

TEST_F(Npy, OtherOrdersAndWidths) {
  auto read = [](const std::string& header, const std::string& data, char version = 1) {
    return parse_npy(bytes_of(npy_of(header, data, version)), "a.npy");
  };
  const Tensor fortran =
      read("{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3)}", "\1\4\2\5\3\6");
  EXPECT_EQ(fortran.shape(), Shape({2, 3}));
  EXPECT_EQ(fortran.to_vector(), (std::vector<float>{1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(
      read(header_of(">f4", "(2,)"), std::string("\x3f\x80\0\0\xc0\0\0\0", 8)).to_vector(),
      (std::vector<float>{1, -2}));
  const Tensor narrow = read(header_of("<i2", "(2,)"), std::string("\xfe\xff\1\1", 4));
  EXPECT_EQ(narrow.dtype(), Dtype::i32);
  EXPECT_EQ(narrow.to_vector(), (std::vector<float>{-2, 257}));
  EXPECT_EQ(
      read(header_of(">u2", "()"), std::string("\xff\xfe", 2)).to_vector(),
      (std::vector<float>{65534}));
  const Tensor wide = read(header_of("<u4", "()"), std::string("\0\0\0\x80", 4), 3);
  EXPECT_EQ(wide.dtype(), Dtype::i64);
  EXPECT_EQ(wide.to_vector(), (std::vector<float>{2147483648.f}));
}

TEST_F(Npy, EveryTruncationIsAnError) {
  std::string whole = read_file(test::fixture("numpy.npy"));
  for (size_t size = 0; size < whole.size(); ++size)
    EXPECT_NE(error_of(whole.substr(0, size)), "") << size;
  EXPECT_HAS(
      error_of(whole.substr(0, 100)), "truncated: it ends at byte 100, its header at byte 128");
  EXPECT_HAS(
      error_of(whole.substr(0, 130)), "truncated: expected 24 bytes for f32 of shape (2, 3)");
  EXPECT_HAS(error_of(whole + "x"), "expected 24 bytes for f32 of shape (2, 3), got 25");
}

TEST_F(Npy, WhatIsNotSupportedIsNamed) {
  EXPECT_HAS(
      error_of(npy_of(header_of("<u8", "(1,)"), "12345678")), "dtype '<u8' is not supported");
  EXPECT_HAS(error_of(npy_of(header_of("f4", "(1,)"), "1234")), "dtype 'f4' is not supported");
  EXPECT_HAS(error_of(npy_of(header_of("<c8", "()"), "12345678")), "'<c8'");
  EXPECT_HAS(error_of(npy_of(header_of("|b1", "()"), "\2")), "bools of 0 or 1, got 2");
  EXPECT_HAS(error_of(npy_of("{}", "")), "a dictionary with descr, fortran_order and shape");
  EXPECT_HAS(error_of(npy_of("{'descr': '<f4', 'descr': '<f4'}", "")), "once each, got 'descr'");
  EXPECT_HAS(error_of(npy_of("{'other': 1}", "")), "got 'other'");
  EXPECT_HAS(error_of(npy_of(header_of("<f4", "(-1,)"), "")), "extent of 63 bits");
  EXPECT_HAS(
      error_of(npy_of(header_of("<f4", "(99999999999999999999,)"), "")), "extent of 63 bits");
  EXPECT_HAS(error_of(npy_of(header_of("<f4", "(1,1,1,1,1,1,1,1,1)"), "")), "at most 8 axes");
  EXPECT_HAS(
      error_of(npy_of(header_of("<f4", "(0, 4611686018427387904, 8)"), "")),
      "larger than any memory");
  EXPECT_HAS(
      error_of(npy_of(header_of("<f4", "()") + "x", "1234")), "nothing after the dictionary");
  EXPECT_HAS(error_of(npy_of("{'descr", "")), "expected the end of a string");
  EXPECT_HAS(error_of(npy_of(header_of("<f4", "()"), "1234", 4)), "version 1.0 to 3.0");
  EXPECT_HAS(error_of("PK\3\4 and enough bytes"), "begins with \\x93NUMPY");
  EXPECT_THROW(
      write_npy(folder_ / "b.npy", Tensor::empty({1}, Dtype::bf16)), std::invalid_argument);
}

}  // namespace
}  // namespace fovea::formats
