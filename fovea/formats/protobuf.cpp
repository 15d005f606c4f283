#include "fovea/formats/protobuf.h"

#include <bit>
#include <cstring>

#include <fmt/format.h>

#include "fovea/core/errors.h"

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

void ProtoReader::fail(const std::string& message) const {
  throw IoError(name_, message, start_ + at_);
}

std::span<const std::byte> ProtoReader::take(uint64_t size) {
  if (size > bytes_.size() - at_)
    fail(fmt::format("truncated: expected {} more bytes, got {}", size, bytes_.size() - at_));
  at_ += size;
  return bytes_.subspan(at_ - size, size);
}

uint64_t ProtoReader::raw_varint() {
  uint64_t value = 0;
  for (int shift = 0; shift < 64; shift += 7) {
    const auto byte = uint64_t(take(1)[0]);
    value |= (byte & 0x7f) << shift;
    if (byte < 0x80) return value;
  }
  fail("expected a number of at most ten bytes");
}

bool ProtoReader::next() {
  if (at_ == bytes_.size()) return false;
  const uint64_t key = raw_varint();
  if (key >> 3 == 0 || key >> 3 > 0x1fffffff) fail("expected the number of a field");
  field_ = int(key >> 3);
  wire_ = int(key & 7);
  content_ = {};
  number_ = 0;
  if (wire_ == wire_varint) {
    number_ = raw_varint();
  } else if (wire_ == wire_bytes) {
    content_ = take(raw_varint());
  } else if (wire_ == wire_fixed32 || wire_ == wire_fixed64) {
    content_ = take(wire_ == wire_fixed32 ? 4 : 8);
    std::memcpy(&number_, content_.data(), content_.size());
  } else {
    fail(fmt::format("wire type {} is not supported", wire_));
  }
  return true;
}

std::string ProtoReader::text() const {
  if (!is_bytes()) fail(fmt::format("expected text in field {}", field_));
  return {reinterpret_cast<const char*>(content_.data()), content_.size()};
}

ProtoReader ProtoReader::message() const {
  if (!is_bytes()) fail(fmt::format("expected a message in field {}", field_));
  return {content_, name_, start_ + at_ - content_.size()};
}

std::vector<uint64_t> ProtoReader::varints() const {
  if (!is_bytes()) return {number_};
  ProtoReader inner = message();
  std::vector<uint64_t> values;
  while (inner.at_ < inner.bytes_.size()) values.push_back(inner.raw_varint());
  return values;
}

}  // namespace fovea::formats
