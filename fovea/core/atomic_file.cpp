#include "fovea/core/atomic_file.h"

#include <cerrno>
#include <charconv>
#include <csignal>
#include <ctime>
#include <fcntl.h>
#include <mutex>
#include <set>
#include <string>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>

#include <fmt/format.h>

#include "fovea/core/errors.h"
#include "fovea/core/file_kind.h"

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

// What lies at the end of the links that begin at `path`, or will once it is written.
fs::path at_end_of_links(fs::path path) {
  std::error_code no_link;
  for (int links = 0; links < 40; ++links) {  // as many as Linux follows
    const fs::path next = fs::read_symlink(path, no_link);
    if (no_link) break;
    path = path.parent_path() / next;
  }
  return path;
}

std::string by_number(int fd) { return fmt::format("/proc/self/fd/{}", fd); }

// A file without a name, which goes with its process; -1 where the file system has none, or there
// is no /proc, through which it gets its name.
int open_nameless(const fs::path& directory) {
  int fd = ::open(directory.c_str(), O_WRONLY | O_TMPFILE | O_CLOEXEC, 0666);
  if (fd >= 0 && ::access(by_number(fd).c_str(), F_OK) != 0) ::close(std::exchange(fd, -1));
  return fd;
}

// Whether this is the name of a temporary file whose process, on this machine, is gone.
bool is_left_over(const std::string& name) {
  constexpr std::string_view before = ".fovea-";
  if (!name.starts_with(before) || !name.ends_with(".tmp")) return false;
  pid_t pid = 0;
  const char* last = name.data() + name.size();
  const auto [end, error] = std::from_chars(name.data() + before.size(), last, pid);
  return error == std::errc() && *end == '-' && pid > 0 && ::kill(pid, 0) != 0 && errno == ESRCH;
}

// Removes temporary files that killed processes left. On a drive of the network they may be those
// of another machine's processes, so only files that nobody has written to for an hour go. Looks
// once into a directory, which may have many files.
void clear_leftovers(const fs::path& directory) {
  static std::mutex mutex;
  static std::set<fs::path> cleared;
  {
    std::lock_guard lock(mutex);
    if (!cleared.insert(directory).second) return;
  }
  std::error_code trouble;
  for (fs::directory_iterator entry(directory, trouble), end; !trouble && entry != end;
       entry.increment(trouble)) {
    const fs::path& file = entry->path();
    struct stat info {};
    if (is_left_over(file.filename().string()) && ::lstat(file.c_str(), &info) == 0 &&
        S_ISREG(info.st_mode) && std::time(nullptr) - info.st_mtime > 3600)
      ::unlink(file.c_str());
  }
}

}  // namespace

AtomicFile::AtomicFile(fs::path path) : path_(std::move(path)), target_(at_end_of_links(path_)) {
  struct stat old {};
  const bool exists = ::stat(path_.c_str(), &old) == 0;
  if (!exists && errno != ENOENT) fail("cannot be created", errno);
  if (exists && !S_ISREG(old.st_mode))
    throw IoError(
        path_.string(), fmt::format("expected a file to write, got {}", file_kind(old.st_mode)));
  const fs::path directory = directory_of(target_);
  clear_leftovers(directory);
  fd_ = open_nameless(directory);
  if (fd_ < 0)
    name_temporary("cannot be created", [&](const char* name) {
      fd_ = ::open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
      return fd_ >= 0;
    });
  if (exists) (void)!::fchmod(fd_, old.st_mode & 07777);
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
  if (temporary_.empty()) {
    const std::string nameless = by_number(fd_);
    name_temporary("cannot be put in place", [&](const char* name) {
      return ::linkat(AT_FDCWD, nameless.c_str(), AT_FDCWD, name, AT_SYMLINK_FOLLOW) == 0;
    });
  }
  if (::close(std::exchange(fd_, -1)) != 0) fail("cannot be closed", errno);
  if (::rename(temporary_.c_str(), target_.c_str()) != 0) fail("cannot be put in place", errno);
  temporary_.clear();
  sync_directory(directory_of(target_));
}

// The name is short, so that a target whose name is as long as allowed still works, and the process
// and a counter tell writers of the same directory apart. `make` sets errno where it cannot.
void AtomicFile::name_temporary(
    const char* trouble, const std::function<bool(const char* name)>& make) {
  for (int n = 0;; ++n) {
    const fs::path name = directory_of(target_) / fmt::format(".fovea-{}-{}.tmp", ::getpid(), n);
    if (make(name.c_str())) {
      temporary_ = name;
      return;
    }
    if (errno != EEXIST && errno != EINTR) fail(trouble, errno);
  }
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
