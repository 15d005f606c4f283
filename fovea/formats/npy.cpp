#include "fovea/formats/npy.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstring>
#include <iterator>
#include <optional>
#include <stdexcept>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "fovea/core/atomic_file.h"
#include "fovea/core/errors.h"
#include "fovea/formats/mapped_file.h"

static_assert(std::endian::native == std::endian::little, "arrays are stored little-endian");

namespace fovea::formats {

namespace {

constexpr std::string_view magic("\x93NUMPY", 6);
constexpr size_t alignment = 64;  // of the data, from version 1.0 of the format on
constexpr size_t max_header = 1 << 16;

constexpr std::pair<std::string_view, Dtype> dtype_names[] = {
    {"<f4", Dtype::f32},
    {"<f8", Dtype::f64},
    {"<f2", Dtype::f16},
    {"|i1", Dtype::i8},
    {"|u1", Dtype::u8},
    {"<i4", Dtype::i32},
    {"<i8", Dtype::i64},
    {"|b1", Dtype::boolean}};

// Reads the one Python literal the format allows:
// {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }, the keys in any order.
class HeaderParser {
 public:
  HeaderParser(std::string_view text, size_t offset, const std::string& path)
      : text_(text), offset_(offset), path_(path) {}

  std::pair<Dtype, Shape> parse() {
    expect("{");
    while (!accept("}")) {
      std::string_view key = string();
      expect(":");
      if (key == "descr" && !dtype_)
        set_dtype(string());
      else if (key == "fortran_order" && !order_seen_)
        read_order();
      else if (key == "shape" && !shape_)
        read_shape();
      else
        fail(fmt::format("expected descr, fortran_order and shape once each, got '{}'", key));
      if (!accept(",")) {
        expect("}");
        break;
      }
    }
    skip_space();
    if (at_ != text_.size()) fail("expected nothing after the dictionary");
    if (!dtype_ || !order_seen_ || !shape_)
      fail("expected a dictionary with descr, fortran_order and shape");
    return {*dtype_, *shape_};
  }

 private:
  [[noreturn]] void fail(const std::string& message) const {
    throw IoError(path_, "the header is not one of a .npy file: " + message, offset_ + at_);
  }

  void skip_space() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n')) ++at_;
  }

  bool accept(std::string_view token) {
    skip_space();
    if (!text_.substr(at_).starts_with(token)) return false;
    at_ += token.size();
    return true;
  }

  void expect(std::string_view token) {
    if (!accept(token)) fail(fmt::format("expected '{}'", token));
  }

  std::string_view string() {
    skip_space();
    if (at_ == text_.size() || (text_[at_] != '\'' && text_[at_] != '"')) fail("expected a string");
    size_t end = text_.find(text_[at_], at_ + 1);
    if (end == text_.npos) fail("expected the end of a string");
    std::string_view found = text_.substr(at_ + 1, end - at_ - 1);
    at_ = end + 1;
    return found;
  }

  void set_dtype(std::string_view name) {
    auto known = std::ranges::find(dtype_names, name, &std::pair<std::string_view, Dtype>::first);
    if (known == std::end(dtype_names))
      throw IoError(
          path_,
          fmt::format(
              "dtype '{}' is not supported; expected little-endian f2, f4, f8, i1, u1, i4, i8 or "
              "b1: convert with array.astype",
              name),
          offset_ + at_);
    dtype_ = known->second;
  }

  void read_order() {
    if (accept("True"))
      throw IoError(
          path_,
          "expected a row-major array, got fortran_order; convert with numpy.ascontiguousarray",
          offset_ + at_);
    expect("False");
    order_seen_ = true;
  }

  void read_shape() {
    shape_.emplace();
    expect("(");
    while (!accept(")")) {
      skip_space();
      int64_t extent = 0;
      auto [end, error] = std::from_chars(text_.data() + at_, text_.data() + text_.size(), extent);
      if (error != std::errc() || extent < 0) fail("expected an extent of 63 bits");
      at_ = size_t(end - text_.data());
      if (shape_->rank() == Shape::max_rank)
        fail(fmt::format("expected at most {} axes", Shape::max_rank));
      shape_->push_back(extent);
      if (!accept(",")) {
        expect(")");
        break;
      }
    }
  }

  std::string_view text_;
  size_t offset_;
  const std::string& path_;
  size_t at_ = 0;
  std::optional<Dtype> dtype_;
  std::optional<Shape> shape_;
  bool order_seen_ = false;
};

// Position and size of the header, and with them the start of the data.
std::pair<size_t, size_t> find_header(std::span<const std::byte> file, const std::string& path) {
  if (file.size() < 12 || std::memcmp(file.data(), magic.data(), magic.size()) != 0)
    throw IoError(path, "expected a .npy file, which begins with \\x93NUMPY", 0);
  int version = int(file[6]);
  if (version != 1 && version != 2)
    throw IoError(
        path,
        fmt::format(
            "expected version 1.0 or 2.0 of the .npy format, got {}.{}", version, int(file[7])),
        6);
  uint32_t size = 0;
  std::memcpy(&size, file.data() + 8, version == 1 ? 2 : 4);
  size_t start = version == 1 ? 10 : 12;
  if (size > max_header)
    throw IoError(
        path, fmt::format("expected a header of at most {} bytes, got {}", max_header, size), 8);
  if (size > file.size() - start)
    throw IoError(
        path,
        fmt::format(
            "the file is truncated: it ends at byte {}, its header at byte {}",
            file.size(),
            start + size),
        file.size());
  return {start, size};
}

std::string format_header(const Tensor& tensor, std::string_view descr) {
  std::string shape;
  for (int64_t extent : tensor.shape()) shape += fmt::format("{}, ", extent);
  if (tensor.rank() == 1)
    shape.pop_back();
  else if (tensor.rank() > 1)
    shape.resize(shape.size() - 2);
  return fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': ({}), }}", descr, shape);
}

}  // namespace

Tensor parse_npy(std::span<const std::byte> file, const std::string& name) {
  auto [start, size] = find_header(file, name);
  std::string_view text(reinterpret_cast<const char*>(file.data()) + start, size);
  auto [dtype, shape] = HeaderParser(text, start, name).parse();

  auto data = file.subspan(start + size);
  uint64_t expected = size_of(dtype), nonzero = expected;
  for (int64_t extent : shape) {
    if (extent != 0 && __builtin_mul_overflow(nonzero, uint64_t(extent), &nonzero))
      throw IoError(name, fmt::format("shape {} is larger than any memory", shape.str()), start);
    expected *= uint64_t(extent);
  }
  if (data.size() != expected)
    throw IoError(
        name,
        fmt::format(
            "{}expected {} bytes for {} of shape {}, got {}",
            data.size() < expected ? "the file is truncated: " : "",
            expected,
            name_of(dtype),
            shape.str(),
            data.size()),
        file.size());
  if (dtype == Dtype::boolean) {
    auto bad = std::ranges::find_if(data, [](std::byte b) { return b > std::byte(1); });
    if (bad != data.end())
      throw IoError(
          name,
          fmt::format("expected bools of 0 or 1, got {}", int(*bad)),
          start + size + size_t(bad - data.begin()));
  }
  return Tensor::from_bytes(data, shape, dtype);
}

Tensor read_npy(const std::filesystem::path& path) {
  MappedFile file(path);
  return parse_npy(file.bytes(), file.path());
}

std::string npy_header(const Tensor& tensor) {
  auto known =
      std::ranges::find(dtype_names, tensor.dtype(), &std::pair<std::string_view, Dtype>::second);
  if (known == std::end(dtype_names))
    throw std::invalid_argument(fmt::format(
        "[npy_header] NumPy has no dtype {}; cast to f32 first", name_of(tensor.dtype())));
  std::string header = format_header(tensor, known->first);
  size_t prefix = magic.size() + 4;
  size_t total = (prefix + header.size() + 1 + alignment - 1) / alignment * alignment;
  header.resize(total - prefix - 1, ' ');
  header += '\n';
  auto size = uint16_t(header.size());
  return std::string(magic) + std::string("\1\0", 2) + char(size & 0xff) + char(size >> 8) + header;
}

void write_npy(const std::filesystem::path& path, const Tensor& tensor) {
  tensor.eval();
  std::string header = npy_header(tensor);
  AtomicFile file(path);
  file.write(header);
  file.write(tensor.bytes());
  file.commit();
}

}  // namespace fovea::formats
