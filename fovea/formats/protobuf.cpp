#include "fovea/formats/protobuf.h"

#include <bit>

static_assert(std::endian::native == std::endian::little, "fixed fields are little-endian");

namespace fovea::formats {

namespace {

enum WireType : uint64_t { wire_varint = 0, wire_fixed64 = 1, wire_bytes = 2, wire_fixed32 = 5 };

uint64_t tag(int field, WireType type) { return uint64_t(field) << 3 | type; }

}  // namespace

ProtoMessage& ProtoMessage::varint(int field, uint64_t value) {
  raw_varint(tag(field, wire_varint));
  raw_varint(value);
  return *this;
}

ProtoMessage& ProtoMessage::fixed32(int field, float value) {
  raw_varint(tag(field, wire_fixed32));
  raw(&value, sizeof value);
  return *this;
}

ProtoMessage& ProtoMessage::fixed64(int field, double value) {
  raw_varint(tag(field, wire_fixed64));
  raw(&value, sizeof value);
  return *this;
}

ProtoMessage& ProtoMessage::bytes(int field, std::string_view value) {
  raw_varint(tag(field, wire_bytes));
  raw_varint(value.size());
  raw(value.data(), value.size());
  return *this;
}

ProtoMessage& ProtoMessage::packed(int field, std::span<const double> values) {
  return bytes(field, {reinterpret_cast<const char*>(values.data()), values.size_bytes()});
}

void ProtoMessage::raw_varint(uint64_t value) {
  for (; value >= 0x80; value >>= 7) data_.push_back(char(value | 0x80));
  data_.push_back(char(value));
}

void ProtoMessage::raw(const void* value, size_t size) {
  data_.append(static_cast<const char*>(value), size);
}

}  // namespace fovea::formats
