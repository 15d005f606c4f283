#include "fovea/formats/safetensors_header.h"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <optional>
#include <set>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "fovea/core/errors.h"

namespace fovea::formats {

namespace {

constexpr std::string_view metadata_key = "__metadata__";

// In the order of storage_rank.
constexpr std::pair<std::string_view, Dtype> dtype_names[] = {
    {"BOOL", Dtype::boolean},
    {"U8", Dtype::u8},
    {"I8", Dtype::i8},
    {"F16", Dtype::f16},
    {"BF16", Dtype::bf16},
    {"I32", Dtype::i32},
    {"F32", Dtype::f32},
    {"F64", Dtype::f64},
    {"I64", Dtype::i64}};

// Hands the parser one character after another and keeps count, so that a handler knows where in
// the text it is.
class CountingIterator {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  CountingIterator(const char* at, uint64_t& count) : at_(at), count_(&count) {}
  reference operator*() const { return *at_; }
  CountingIterator& operator++() {
    ++at_;
    ++*count_;
    return *this;
  }
  bool operator==(const CountingIterator& other) const { return at_ == other.at_; }
  bool operator!=(const CountingIterator& other) const { return at_ != other.at_; }

 private:
  const char* at_;
  uint64_t* count_;
};

// Receives the JSON events; the state is the one thing that may come next. The parser's interface
// gives the member functions their names.
class HeaderHandler {
 public:
  HeaderHandler(const std::string& path, const uint64_t& count) : path_(path), count_(count) {}

  Header take() { return std::move(header_); }

  bool null() { refuse("null"); }
  bool boolean(bool) { refuse("a boolean"); }
  bool number_integer(int64_t value) { refuse(fmt::format("the number {}", value)); }
  bool number_float(double, const std::string& text) { refuse("the number " + text); }
  bool binary(std::vector<uint8_t>&) { refuse("binary data"); }

  bool number_unsigned(uint64_t value) {
    if (state_ == State::shape && value <= uint64_t(INT64_MAX)) {
      if (shape_->rank() == Shape::max_rank)
        fail(fmt::format("tensor '{}' has more than {} axes", name_, Shape::max_rank));
      shape_->push_back(int64_t(value));
    } else if (state_ == State::offsets && offsets_.size() < 2) {
      offsets_.push_back(value);
    } else {
      refuse(fmt::format("the number {}", value));
    }
    return true;
  }

  bool string(std::string& text) {
    if (state_ == State::metadata_value) {
      header_.metadata[name_] = text;
      state_ = State::metadata;
    } else if (state_ == State::dtype) {
      set_dtype(text);
      state_ = State::tensor;
    } else {
      refuse("the string '" + text + "'");
    }
    return true;
  }

  bool start_object(size_t) {
    if (state_ == State::start)
      state_ = State::root;
    else if (state_ == State::before_metadata)
      state_ = State::metadata;
    else if (state_ == State::before_tensor)
      state_ = State::tensor;
    else
      refuse("an object");
    return true;
  }

  bool key(std::string& key) {
    if (state_ == State::root) {
      if (!names_.insert(key).second) fail(fmt::format("the key '{}' appears twice", key));
      name_ = key;
      state_ = key == metadata_key ? State::before_metadata : State::before_tensor;
    } else if (state_ == State::metadata) {
      if (header_.metadata.contains(key))
        fail(fmt::format("the metadata key '{}' appears twice", key));
      name_ = key;
      state_ = State::metadata_value;
    } else {
      tensor_key(key);
    }
    return true;
  }

  bool end_object() {
    if (state_ == State::tensor) finish_tensor();
    state_ = state_ == State::root ? State::end : State::root;
    return true;
  }

  bool start_array(size_t) {
    if (state_ == State::before_shape) {
      shape_.emplace();
      state_ = State::shape;
    } else if (state_ == State::before_offsets) {
      state_ = State::offsets;
    } else {
      refuse("an array");
    }
    return true;
  }

  bool end_array() {
    if (state_ == State::offsets && offsets_.size() != 2)
      fail(fmt::format("tensor '{}': expected two data_offsets, got {}", name_, offsets_.size()));
    state_ = State::tensor;
    return true;
  }

  bool parse_error(size_t, const std::string&, const nlohmann::detail::exception& error) {
    std::string_view message = error.what();
    if (size_t tag = message.find("] "); tag != message.npos) message.remove_prefix(tag + 2);
    fail(fmt::format("the header is not valid JSON: {}", message));
  }

 private:
  enum class State {
    start,
    root,
    before_metadata,
    metadata,
    metadata_value,
    before_tensor,
    tensor,
    dtype,
    before_shape,
    shape,
    before_offsets,
    offsets,
    end
  };

  const char* expected() const {
    switch (state_) {
      case State::start:
        return "an object of tensors";
      case State::before_metadata:
        return "an object of strings as metadata";
      case State::metadata_value:
        return "a string as metadata";
      case State::before_tensor:
        return "an object with dtype, shape and data_offsets";
      case State::dtype:
        return "a string as dtype";
      case State::before_shape:
      case State::shape:
        return "an array of non-negative integers as shape";
      case State::before_offsets:
      case State::offsets:
        return "an array of two non-negative integers as data_offsets";
      default:
        return "nothing more";
    }
  }

  [[noreturn]] void fail(const std::string& message) const {
    throw IoError(path_, message, safetensors_prefix + count_);
  }

  [[noreturn]] void refuse(const std::string& got) const {
    fail(fmt::format("'{}': expected {}, got {}", name_, expected(), got));
  }

  void set_dtype(const std::string& text) {
    auto known = std::ranges::find(dtype_names, text, &std::pair<std::string_view, Dtype>::first);
    if (known == std::end(dtype_names))
      fail(fmt::format(
          "tensor '{}' has dtype {}, which is not supported; expected F32, F64, F16, BF16, I8, U8, "
          "I32, I64 or BOOL",
          name_,
          text));
    dtype_ = known->second;
  }

  void tensor_key(const std::string& key) {
    bool repeated = false;
    if (key == "dtype") {
      repeated = dtype_.has_value();
      state_ = State::dtype;
    } else if (key == "shape") {
      repeated = shape_.has_value();
      state_ = State::before_shape;
    } else if (key == "data_offsets") {
      repeated = !offsets_.empty();
      state_ = State::before_offsets;
    } else {
      fail(
          fmt::format("tensor '{}': expected dtype, shape and data_offsets, got '{}'", name_, key));
    }
    if (repeated) fail(fmt::format("tensor '{}' has the key '{}' twice", name_, key));
  }

  void finish_tensor() {
    if (!dtype_ || !shape_ || offsets_.empty())
      fail(fmt::format(
          "tensor '{}' lacks {}",
          name_,
          !dtype_   ? "dtype"
          : !shape_ ? "shape"
                    : "data_offsets"));
    header_.entries.push_back({name_, *dtype_, *shape_, {offsets_[0], offsets_[1]}});
    dtype_.reset();
    shape_.reset();
    offsets_.clear();
  }

  const std::string& path_;
  const uint64_t& count_;
  Header header_;
  State state_ = State::start;
  std::set<std::string> names_;  // every key of the root

  // The tensor (or the metadata entry) being read.
  std::string name_;
  std::optional<Dtype> dtype_;
  std::optional<Shape> shape_;
  std::vector<uint64_t> offsets_;
};

}  // namespace

Header parse_header(std::string_view json, const std::string& path) {
  // The parser takes a zero byte for the end of its input.
  if (size_t zero = json.find('\0'); zero != json.npos)
    throw IoError(
        path, "the header is not valid JSON: it contains a zero byte", safetensors_prefix + zero);
  uint64_t count = 0;
  HeaderHandler handler(path, count);
  nlohmann::json::sax_parse(
      CountingIterator(json.data(), count),
      CountingIterator(json.data() + json.size(), count),
      &handler);
  return handler.take();
}

std::string format_header(const Header& header) {
  nlohmann::ordered_json root = nlohmann::ordered_json::object();
  if (!header.metadata.empty()) root[std::string(metadata_key)] = header.metadata;
  for (const HeaderEntry& entry : header.entries) {
    auto& tensor = root[entry.name];
    tensor["dtype"] = dtype_names[storage_rank(entry.dtype)].first;
    tensor["shape"] = std::vector<int64_t>(entry.shape.begin(), entry.shape.end());
    tensor["data_offsets"] = entry.offsets;
  }
  std::string text;
  try {
    text = root.dump();
  } catch (const nlohmann::json::type_error& error) {
    throw std::invalid_argument(
        fmt::format("[write_safetensors] expected names and metadata in UTF-8: {}", error.what()));
  }
  text.resize((text.size() + 7) / 8 * 8, ' ');
  return text;
}

int storage_rank(Dtype t) {
  auto at = std::ranges::find(dtype_names, t, &std::pair<std::string_view, Dtype>::second);
  FOVEA_ASSERT(at != std::end(dtype_names));
  return int(at - std::begin(dtype_names));
}

}  // namespace fovea::formats
