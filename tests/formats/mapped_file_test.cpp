#include "fovea/formats/mapped_file.h"

#include <sys/stat.h>

#include "tests/formats/files.h"

namespace fovea::formats {
namespace {

using MappedFileTest = FolderTest;

TEST_F(MappedFileTest, HoldsTheFilesBytes) {
  write_file(folder_ / "a", "some text");
  const MappedFile file(folder_ / "a");
  const auto bytes = file.bytes();
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()), "some text");
  write_file(folder_ / "empty", "");
  EXPECT_TRUE(MappedFile(folder_ / "empty").bytes().empty());
}

// A pipe that nobody writes to: to open it would never end.
TEST_F(MappedFileTest, RefusesWhatIsNoFileAtOnce) {
  const auto pipe = folder_ / "pipe.pth";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  auto error_of = [](const std::filesystem::path& path) {
    return io_error([&] { MappedFile file(path); });
  };
  EXPECT_EQ(error_of(pipe), pipe.string() + ": expected a file, got a pipe");
  EXPECT_EQ(error_of(folder_), folder_.string() + ": expected a file, got a folder");
  EXPECT_EQ(error_of("/dev/null"), "/dev/null: expected a file, got a device");
  EXPECT_HAS(error_of(folder_ / "missing"), "cannot open the file: No such file or directory");
}

}  // namespace
}  // namespace fovea::formats
