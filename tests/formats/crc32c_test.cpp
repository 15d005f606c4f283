#include "fovea/formats/crc32c.h"

#include "tests/formats/files.h"

namespace fovea::formats {
namespace {

// RFC 3720, appendix B.4, and the check value of the CRC catalogue.
TEST(Crc32c, KnownVectors) {
  EXPECT_EQ(crc32c({}), 0u);
  EXPECT_EQ(crc32c(bytes_of(std::string(32, '\0'))), 0x8a9136aau);
  EXPECT_EQ(crc32c(bytes_of(std::string(32, '\xff'))), 0x62a8ab43u);
  std::string up(32, '\0'), down(32, '\0');
  for (int i = 0; i < 32; ++i) {
    up[size_t(i)] = char(i);
    down[size_t(i)] = char(31 - i);
  }
  EXPECT_EQ(crc32c(bytes_of(up)), 0x46dd794eu);
  EXPECT_EQ(crc32c(bytes_of(down)), 0x113fdb5cu);
  EXPECT_EQ(crc32c(bytes_of(std::string("123456789"))), 0xe3069283u);
}

// Inverse of the mask as in tensorflow/core/lib/hash/crc32c.h.
TEST(Crc32c, MaskCanBeUndone) {
  std::string text = "foo";
  uint32_t rotated = masked_crc32c(bytes_of(text)) - 0xa282ead8u;
  EXPECT_EQ((rotated >> 17) | (rotated << 15), crc32c(bytes_of(text)));
  EXPECT_NE(masked_crc32c(bytes_of(text)), crc32c(bytes_of(text)));
}

}  // namespace
}  // namespace fovea::formats
