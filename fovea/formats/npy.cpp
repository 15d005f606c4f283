#include "fovea/formats/npy.h"

#include <algorithm>
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
#include "fovea/core/text.h"
#include "fovea/formats/mapped_file.h"
#include "fovea/formats/strided.h"

namespace fovea::formats {

namespace {

constexpr std::string_view magic("\x93NUMPY", 6);
constexpr size_t alignment = 64;  // of the data, from version 1.0 of the format on
constexpr size_t max_header = 1 << 16;

// The kinds of numbers, without the letter of their byte order. What is read as a wider dtype comes
// behind those that are written.
struct Kind {
  std::string_view name;
  Element element;
};
constexpr Kind kinds[] = {
    {"f4", {4, Dtype::f32}},
    {"f8", {8, Dtype::f64}},
    {"f2", {2, Dtype::f16}},
    {"i1", {1, Dtype::i8}},
    {"u1", {1, Dtype::u8}},
    {"i4", {4, Dtype::i32}},
    {"i8", {8, Dtype::i64}},
    {"b1", {1, Dtype::boolean}},
    {"i2", {2, Dtype::i32}},
    {"u2", {2, Dtype::i32, false}},
    {"u4", {4, Dtype::i64, false}}};

// What a header says.
struct Layout {
  Element element;
  bool fortran;
  Shape shape;
};

// Reads the one Python literal the format allows:
// {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }, the keys in any order.
class HeaderParser {
 public:
  HeaderParser(std::string_view text, size_t offset, const std::string& path)
      : text_(text), offset_(offset), path_(path) {}

  Layout parse() {
    expect("{");
    while (!accept("}")) {
      std::string_view key = string();
      expect(":");
      if (key == "descr" && !element_)
        set_element(string());
      else if (key == "fortran_order" && !fortran_)
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
    if (!element_ || !fortran_ || !shape_)
      fail("expected a dictionary with descr, fortran_order and shape");
    return {*element_, *fortran_, *shape_};
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

  void set_element(std::string_view name) {
    const bool ordered = name.size() == 3 && std::string_view("<>|=").find(name[0]) != name.npos;
    auto known = std::ranges::find(kinds, ordered ? name.substr(1) : "", &Kind::name);
    if (known == std::end(kinds))
      throw IoError(
          path_,
          fmt::format(
              "dtype '{}' is not supported; expected f2, f4, f8, i1, i2, i4, i8, u1, u2, u4 or b1: "
              "convert with array.astype",
              printable(name)),
          offset_ + at_);
    element_ = known->element;
    element_->big_endian = name[0] == '>';
  }

  void read_order() {
    fortran_ = accept("True");
    if (!*fortran_) expect("False");
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
  std::optional<Element> element_;
  std::optional<Shape> shape_;
  std::optional<bool> fortran_;
};

// Position and size of the header, and with them the start of the data.
std::pair<size_t, size_t> find_header(std::span<const std::byte> file, const std::string& path) {
  if (file.size() < 12 || std::memcmp(file.data(), magic.data(), magic.size()) != 0)
    throw IoError(path, "expected a .npy file, which begins with \\x93NUMPY", 0);
  int version = int(file[6]);
  if (version < 1 || version > 3)
    throw IoError(
        path,
        fmt::format(
            "expected version 1.0 to 3.0 of the .npy format, got {}.{}", version, int(file[7])),
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

namespace {

struct Description {
  Layout layout;
  uint64_t start, size;  // of the data, in bytes
};

Description describe(std::span<const std::byte> file, const std::string& name) {
  auto [start, size] = find_header(file, name);
  std::string_view text(reinterpret_cast<const char*>(file.data()) + start, size);
  Layout layout = HeaderParser(text, start, name).parse();
  // In 64 bits for the wider of the two: the file's and the tensor's.
  uint64_t expected = layout.element.size,
           nonzero = std::max(layout.element.size, size_of(layout.element.dtype));
  for (int64_t extent : layout.shape) {
    if (extent != 0 && __builtin_mul_overflow(nonzero, uint64_t(extent), &nonzero))
      throw IoError(
          name, fmt::format("shape {} is larger than any memory", layout.shape.str()), start);
    expected *= uint64_t(extent);
  }
  return {layout, start + size, expected};
}

}  // namespace

uint64_t npy_size(std::span<const std::byte> beginning, const std::string& name) {
  const Description d = describe(beginning, name);
  return d.start + d.size;
}

Tensor parse_npy(std::span<const std::byte> file, const std::string& name) {
  const auto [layout, start, size] = describe(file, name);
  auto data = file.subspan(start);
  if (data.size() != size)
    throw IoError(
        name,
        fmt::format(
            "{}expected {} bytes for {} of shape {}, got {}",
            data.size() < size ? "the file is truncated: " : "",
            size,
            name_of(layout.element.dtype),
            layout.shape.str(),
            data.size()),
        file.size());
  if (layout.element.dtype == Dtype::boolean) {
    auto bad = std::ranges::find_if(data, [](std::byte b) { return b > std::byte(1); });
    if (bad != data.end())
      throw IoError(
          name,
          fmt::format("expected bools of 0 or 1, got {}", int(*bad)),
          start + size_t(bad - data.begin()));
  }
  const std::vector<uint64_t> sizes(layout.shape.begin(), layout.shape.end());
  return read_strided(data, layout.element, sizes, dense_strides(sizes, layout.fortran));
}

Tensor read_npy(const std::filesystem::path& path) {
  MappedFile file(path);
  return parse_npy(file.bytes(), file.path());
}

std::string npy_header(const Tensor& tensor) {
  auto known =
      std::ranges::find(kinds, tensor.dtype(), [](const Kind& k) { return k.element.dtype; });
  if (known == std::end(kinds))
    throw std::invalid_argument(fmt::format(
        "[npy_header] NumPy has no dtype {}; cast to f32 first", name_of(tensor.dtype())));
  const char order = known->element.size == 1 ? '|' : '<';
  std::string header = format_header(tensor, fmt::format("{}{}", order, known->name));
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
