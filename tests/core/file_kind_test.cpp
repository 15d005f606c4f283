#include "fovea/core/file_kind.h"

#include <sys/stat.h>

#include <gtest/gtest.h>

namespace fovea {
namespace {

mode_t mode_of(const char* path) {
  struct stat info {};
  EXPECT_EQ(::stat(path, &info), 0) << path;
  return info.st_mode;
}

TEST(FileKind, NamesWhatIsThere) {
  EXPECT_STREQ(file_kind(mode_of("/proc/self/exe")), "a regular file");
  EXPECT_STREQ(file_kind(mode_of("/")), "a folder");
  EXPECT_STREQ(file_kind(mode_of("/dev/null")), "a device");
  EXPECT_STREQ(file_kind(S_IFBLK | 0600), "a device");
  EXPECT_STREQ(file_kind(S_IFIFO | 0600), "a pipe");
  EXPECT_STREQ(file_kind(S_IFSOCK | 0600), "a socket");
}

}  // namespace
}  // namespace fovea
