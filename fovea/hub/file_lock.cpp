#include "fovea/hub/file_lock.h"

#include <cerrno>
#include <fcntl.h>
#include <sys/file.h>
#include <system_error>
#include <unistd.h>

#include <fmt/format.h>

#include "fovea/core/errors.h"

namespace fovea::hub {

FileLock::FileLock(const std::filesystem::path& path, const std::function<void()>& busy) {
  auto fail = [&](const char* what) {
    const int error = errno;
    if (fd_ >= 0) ::close(fd_);
    throw IoError(
        path.string(), fmt::format("{}: {}", what, std::generic_category().message(error)));
  };
  fd_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (fd_ < 0) fail("the lock of the cache cannot be made");
  if (::flock(fd_, LOCK_EX | LOCK_NB) == 0) return;
  if (errno == EWOULDBLOCK) busy();
  while (::flock(fd_, LOCK_EX) != 0)
    if (errno != EINTR) fail("the cache cannot be locked");
}

FileLock::~FileLock() { ::close(fd_); }

}  // namespace fovea::hub
