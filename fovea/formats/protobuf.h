#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace fovea::formats {

// Encodes one protocol-buffer message (protobuf.dev, "Encoding"): fields are appended in the order
// of the calls, a message inside a message is a ProtoMessage given to bytes().
class ProtoMessage {
 public:
  ProtoMessage& varint(int field, uint64_t value);  // int32, int64, enum, bool; never zig-zag
  ProtoMessage& fixed32(int field, float value);
  ProtoMessage& fixed64(int field, double value);
  ProtoMessage& bytes(int field, std::string_view value);  // string, bytes, message
  ProtoMessage& bytes(int field, const ProtoMessage& message) {
    return bytes(field, message.data_);
  }
  ProtoMessage& packed(int field, std::span<const double> values);

  const std::string& data() const { return data_; }

 private:
  void raw_varint(uint64_t value);
  void raw(const void* value, size_t size);

  std::string data_;
};

// Reads the fields of one message, in the order of the file; every length is checked against the
// bytes that are there. Throws IoError with the offset.
class ProtoReader {
 public:
  // `start` is the message's offset in the file, for errors; `name` must outlive the reader.
  ProtoReader(std::span<const std::byte> message, const std::string& name, uint64_t start = 0)
      : bytes_(message), name_(name), start_(start) {}

  bool next();  // to the next field; false at the end
  int field() const { return field_; }
  bool is_bytes() const { return wire_ == 2; }
  uint64_t number() const { return number_; }  // of a varint, or the bits of a fixed field
  std::span<const std::byte> bytes() const { return content_; }  // of a string or message
  std::string text() const;
  ProtoReader message() const;            // of a field that must be one
  std::vector<uint64_t> varints() const;  // of a packed field, or the one of another

 private:
  [[noreturn]] void fail(const std::string& message) const;
  uint64_t raw_varint();
  std::span<const std::byte> take(uint64_t size);

  std::span<const std::byte> bytes_;
  const std::string& name_;
  uint64_t start_;
  size_t at_ = 0;
  int field_ = 0, wire_ = 0;
  uint64_t number_ = 0;
  std::span<const std::byte> content_;
};

}  // namespace fovea::formats
