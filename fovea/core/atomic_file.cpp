#include "fovea/core/atomic_file.h"

#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>

#include <fmt/format.h>

#include "fovea/core/errors.h"

namespace fovea {

namespace fs = std::filesystem;

namespace {

fs::path directory_of(const fs::path& file) {
  return file.has_parent_path() ? file.parent_path() : fs::path(".");
}

// Makes the rename itself survive a power cut. Some file systems refuse to sync a directory, and by
// then the file is in place, so a refusal is no error.
void sync_directory(const fs::path& directory) {
  int fd = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return;
  ::fsync(fd);
  ::close(fd);
}

}  // namespace

AtomicFile::AtomicFile(fs::path path) : path_(std::move(path)), target_(path_) {
  std::error_code ignored;
  if (fs::is_symlink(path_, ignored)) {
    target_ = fs::weakly_canonical(path_, ignored);
    if (target_.empty()) target_ = path_;
  }
  // The name is short, so that a target whose name is as long as allowed still works, and the
  // process and a counter tell writers of the same directory apart.
  for (int n = 0; fd_ < 0; ++n) {
    temporary_ = directory_of(target_) / fmt::format(".fovea-{}-{}.tmp", ::getpid(), n);
    fd_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd_ < 0 && errno != EEXIST && errno != EINTR) fail("cannot be created", errno);
  }
  struct stat old;
  if (::stat(target_.c_str(), &old) == 0) (void)!::fchmod(fd_, old.st_mode & 07777);
}

AtomicFile::~AtomicFile() {
  if (fd_ >= 0) ::close(fd_);
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

void AtomicFile::write(std::span<const std::byte> bytes) {
  FOVEA_ASSERT(fd_ >= 0);
  while (!bytes.empty()) {
    ssize_t n = ::write(fd_, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail("cannot be written", errno);
    bytes = bytes.subspan(size_t(n));
    size_ += uint64_t(n);
  }
}

void AtomicFile::commit() {
  FOVEA_ASSERT(fd_ >= 0);
  if (::fsync(fd_) != 0) fail("cannot be flushed to disk", errno);
  if (::close(std::exchange(fd_, -1)) != 0) fail("cannot be closed", errno);
  if (::rename(temporary_.c_str(), target_.c_str()) != 0) fail("cannot be put in place", errno);
  temporary_.clear();
  sync_directory(directory_of(target_));
}

void AtomicFile::fail(const char* what, int error) const {
  throw IoError(
      path_.string(),
      fmt::format("{}: {}", what, std::generic_category().message(error)),
      size_ > 0 ? std::optional(size_) : std::nullopt);
}

void write_file_atomic(const fs::path& path, std::span<const std::byte> bytes) {
  AtomicFile file(path);
  file.write(bytes);
  file.commit();
}

void write_file_atomic(const fs::path& path, std::string_view text) {
  write_file_atomic(path, std::as_bytes(std::span(text)));
}

}  // namespace fovea
