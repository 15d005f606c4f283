#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

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

}  // namespace fovea::formats
