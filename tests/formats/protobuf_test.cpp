#include "fovea/formats/protobuf.h"

#include <gtest/gtest.h>

namespace fovea::formats {
namespace {

// The examples of protobuf.dev, "Encoding".
TEST(ProtoMessage, DocumentedExamples) {
  EXPECT_EQ(ProtoMessage().varint(1, 150).data(), "\x08\x96\x01");
  EXPECT_EQ(ProtoMessage().bytes(2, "testing").data(), "\x12\x07testing");
  EXPECT_EQ(ProtoMessage().bytes(3, ProtoMessage().varint(1, 150)).data(), "\x1a\x03\x08\x96\x01");
}

TEST(ProtoMessage, NumbersAtTheirLimits) {
  EXPECT_EQ(ProtoMessage().varint(1, 0).data(), std::string("\x08\0", 2));
  EXPECT_EQ(ProtoMessage().varint(1, 127).data(), "\x08\x7f");
  EXPECT_EQ(
      ProtoMessage().varint(1, uint64_t(-1)).data(),
      "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01");
  EXPECT_EQ(ProtoMessage().varint(16, 1).data(), "\x80\x01\x01");
}

TEST(ProtoMessage, FixedFieldsAreLittleEndian) {
  EXPECT_EQ(ProtoMessage().fixed32(1, 1.0f).data(), std::string("\x0d\0\0\x80\x3f", 5));
  EXPECT_EQ(ProtoMessage().fixed64(1, 1.0).data(), std::string("\x09\0\0\0\0\0\0\xf0\x3f", 9));
  double values[] = {1.0};
  EXPECT_EQ(
      ProtoMessage().packed(1, values).data(), std::string("\x0a\x08\0\0\0\0\0\0\xf0\x3f", 10));
}

}  // namespace
}  // namespace fovea::formats
