#include "fovea/core/atomic_file.h"

#include <csignal>
#include <fstream>
#include <iterator>
#include <string>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "fovea/core/errors.h"

namespace fovea {
namespace {

namespace fs = std::filesystem;

class AtomicFileTest : public testing::Test {
 protected:
  void SetUp() override {
    const auto* info = testing::UnitTest::GetInstance()->current_test_info();
    directory_ = fs::path(testing::TempDir()) /
                 ("fovea_atomic_" + std::to_string(::getpid()) + "_" + info->name());
    fs::create_directories(directory_);
  }
  void TearDown() override { fs::remove_all(directory_); }

  std::string read(const fs::path& path) const {
    std::ifstream in(path, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(in), {});
  }
  int files() const {
    return int(std::distance(fs::directory_iterator(directory_), fs::directory_iterator()));
  }

  fs::path directory_;
};

TEST_F(AtomicFileTest, ReplacesTheFileOnlyOnCommit) {
  fs::path path = directory_ / "a.txt";
  write_file_atomic(path, "old");
  EXPECT_EQ(read(path), "old");
  {
    AtomicFile file(path);
    file.write("new ");
    file.write("content");
    EXPECT_EQ(file.size(), 11u);
    EXPECT_EQ(read(path), "old");
    file.commit();
  }
  EXPECT_EQ(read(path), "new content");
  EXPECT_EQ(files(), 1);
}

TEST_F(AtomicFileTest, LeavesNothingWithoutCommit) {
  fs::path path = directory_ / "a.txt";
  write_file_atomic(path, "old");
  { AtomicFile(path).write("half"); }
  EXPECT_EQ(read(path), "old");
  EXPECT_EQ(files(), 1);
}

TEST_F(AtomicFileTest, TwoWritersOfOneFileDoNotMeet) {
  fs::path path = directory_ / "a.txt";
  AtomicFile first(path), second(path);
  first.write("first");
  second.write("second");
  second.commit();
  first.commit();
  EXPECT_EQ(read(path), "first");
  EXPECT_EQ(files(), 1);
}

TEST_F(AtomicFileTest, KeepsPermissionsAndFollowsLinks) {
  fs::path path = directory_ / "a.txt", link = directory_ / "link.txt";
  write_file_atomic(path, "old");
  ASSERT_EQ(::chmod(path.c_str(), 0640), 0);
  fs::create_symlink("a.txt", link);
  write_file_atomic(link, "new");
  EXPECT_TRUE(fs::is_symlink(link));
  EXPECT_EQ(read(path), "new");
  EXPECT_EQ(int(fs::status(path).permissions()), 0640);
}

TEST_F(AtomicFileTest, MissingDirectoryIsNamed) {
  fs::path path = directory_ / "missing" / "a.txt";
  try {
    write_file_atomic(path, "x");
    FAIL() << "expected IoError";
  } catch (const IoError& e) {
    EXPECT_EQ(e.what(), path.string() + ": cannot be created: No such file or directory");
    EXPECT_EQ(e.path(), path.string());
  }
}

TEST_F(AtomicFileTest, TargetThatIsADirectoryIsRefused) {
  fs::path path = directory_ / "sub";
  fs::create_directory(path);
  EXPECT_THROW(write_file_atomic(path, "x"), IoError);
  EXPECT_EQ(files(), 1);
}

// A file size limit stands for a full disk: the write stops half-way with an error.
TEST_F(AtomicFileTest, FailedWriteKeepsTheOldFile) {
  fs::path path = directory_ / "a.txt";
  write_file_atomic(path, "old");
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  auto handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit small = before;
  small.rlim_cur = 1000;
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  std::string message;
  try {
    write_file_atomic(path, std::string(5000, 'x'));
  } catch (const IoError& e) {
    message = e.what();
  }
  ::setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  EXPECT_EQ(message, path.string() + ": cannot be written: File too large (at byte 1000)");
  EXPECT_EQ(read(path), "old");
  EXPECT_EQ(files(), 1);
}

}  // namespace
}  // namespace fovea
