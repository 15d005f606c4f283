#include "fovea/core/atomic_file.h"

#include <chrono>
#include <csignal>
#include <fcntl.h>
#include <fstream>
#include <iterator>
#include <string>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
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
  std::string error_of(const fs::path& path) const {
    try {
      write_file_atomic(path, "x");
    } catch (const IoError& e) {
      return e.what();
    }
    return "";
  }
  // Runs in a process of its own, and gives its id once it has ended.
  template <class F>
  pid_t in_child(F run) const {
    const pid_t child = ::fork();
    if (child == 0) {
      run();
      ::_exit(0);
    }
    int status = 0;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFSIGNALED(status) || WEXITSTATUS(status) == 0) << status;
    return child;
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

TEST_F(AtomicFileTest, FollowsLinksToWhereNoFileIsYet) {
  fs::create_directory(directory_ / "sub");
  fs::create_symlink("sub/second", directory_ / "first");
  fs::create_symlink(directory_ / "sub" / "file.txt", directory_ / "sub" / "second");
  write_file_atomic(directory_ / "first", "new");
  EXPECT_TRUE(fs::is_symlink(directory_ / "first"));
  EXPECT_TRUE(fs::is_symlink(directory_ / "sub" / "second"));
  EXPECT_EQ(read(directory_ / "sub" / "file.txt"), "new");
}

TEST_F(AtomicFileTest, ALinkToItselfIsRefused) {
  fs::path link = directory_ / "link.txt";
  fs::create_symlink("link.txt", link);
  EXPECT_EQ(
      error_of(link), link.string() + ": cannot be created: Too many levels of symbolic links");
  EXPECT_TRUE(fs::is_symlink(link));
  EXPECT_EQ(files(), 1);
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
  EXPECT_EQ(error_of(path), path.string() + ": expected a file to write, got a folder");
  EXPECT_EQ(files(), 1);
}

TEST_F(AtomicFileTest, TargetThatIsAPipeIsRefused) {
  fs::path pipe = directory_ / "pipe", link = directory_ / "link";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  fs::create_symlink("pipe", link);
  EXPECT_EQ(error_of(pipe), pipe.string() + ": expected a file to write, got a pipe");
  EXPECT_EQ(error_of(link), link.string() + ": expected a file to write, got a pipe");
  EXPECT_TRUE(fs::is_fifo(pipe));
  EXPECT_TRUE(fs::is_symlink(link));
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

TEST_F(AtomicFileTest, AKilledProcessLeavesTheOldFileAlone) {
  const int fd = ::open(directory_.c_str(), O_WRONLY | O_TMPFILE | O_CLOEXEC, 0600);
  if (fd < 0) GTEST_SKIP() << "this file system has no files without a name";
  ::close(fd);
  fs::path path = directory_ / "a.txt";
  write_file_atomic(path, "old");
  in_child([&] {
    AtomicFile file(path);
    file.write("half");
    ::kill(::getpid(), SIGKILL);
  });
  EXPECT_EQ(read(path), "old");
  EXPECT_EQ(files(), 1);
}

TEST_F(AtomicFileTest, RemovesWhatAProcessThatIsGoneLeftLongAgo) {
  const std::string gone = std::to_string(in_child([] {})), own = std::to_string(::getpid());
  auto leave = [&](const std::string& name, int hours) {
    std::ofstream(directory_ / name) << "half";
    fs::last_write_time(
        directory_ / name, fs::file_time_type::clock::now() - std::chrono::hours(hours));
  };
  leave(".fovea-" + gone + "-0.tmp", 2);
  leave(".fovea-" + gone + "-1.tmp", 0);
  leave(".fovea-" + own + "-7.tmp", 2);
  for (const char* other : {".fovea-notes.tmp", ".fovea-.tmp", ".fovea--5-0.tmp", ".fovea-5"})
    leave(other, 2);
  EXPECT_EQ(files(), 7);
  write_file_atomic(directory_ / "a.txt", "new");
  EXPECT_FALSE(fs::exists(directory_ / (".fovea-" + gone + "-0.tmp")));
  EXPECT_EQ(files(), 7);  // the others, and the new one
}

}  // namespace
}  // namespace fovea
