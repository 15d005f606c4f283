#include "fovea/hub/partial_file.h"

#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

#include <fmt/format.h>

#include "fovea/core/errors.h"
#include "fovea/core/text.h"

namespace fovea::hub {

namespace fs = std::filesystem;

PartialFile::PartialFile(Options options) : o_(std::move(options)) {
  open(0);
  if (fd_ < 0) return;
  struct stat found {};
  if (::fstat(fd_, &found) != 0) fail("cannot be read", errno);
  size_ = uint64_t(found.st_size);
  if (size_ > o_.size.value_or(o_.largest)) restart();
}

PartialFile::~PartialFile() {
  if (fd_ < 0) return;
  ::close(fd_);
  if (size_ == 0 && !kept_) ::unlink(o_.path.c_str());
}

void PartialFile::open(int more_flags) {
  if (fd_ >= 0) return;
  fd_ = ::open(o_.path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC | more_flags, 0666);
  if (fd_ < 0 && (errno != ENOENT || more_flags)) fail("cannot be made", errno);
}

void PartialFile::restart() {
  if (fd_ >= 0 && ::ftruncate(fd_, 0) != 0) fail("cannot be emptied", errno);
  size_ = 0;
}

void PartialFile::keep() {
  open(O_CREAT);
  kept_ = true;
}

void PartialFile::begin(const Reply& reply) {
  begun_ = true;
  if (reply.status == 206) {
    const std::string range = reply.header("content-range");
    if (!range.starts_with(fmt::format("bytes {}-", size_))) {
      const std::string why = fmt::format(
          "asked for the bytes of {} from {} on, the server sent \"{}\"",
          o_.name,
          size_,
          printable(range));
      if (size_ == 0) throw IoError(o_.path.string(), why);
      restart();  // so that the next try asks for the whole
      throw TransferError(why, true);
    }
  } else if (size_ > 0) {
    restart();
  }
  const uint64_t coming = reply.number("content-length").value_or(0);
  total_ = o_.size.value_or(coming ? size_ + coming : 0);
  std::error_code unknown;
  const fs::space_info space = fs::space(o_.path.parent_path(), unknown);
  if (!unknown && total_ > size_ && space.available < total_ - size_)
    throw IoError(
        o_.path.string(),
        fmt::format(
            "{} needs {} more bytes, and the disk has room for {}; make room, or put the cache "
            "elsewhere (HF_HOME, TORCH_HOME)",
            o_.name,
            total_ - size_,
            space.available));
}

void PartialFile::write(const Reply& reply, std::span<const std::byte> bytes) {
  if (!begun_) begin(reply);
  const uint64_t limit = o_.size.value_or(o_.largest);
  if (bytes.size() > limit - size_) {
    restart();
    throw IoError(
        o_.path.string(),
        fmt::format("the server sends more than the {} bytes of {}", limit, o_.name));
  }
  if (!bytes.empty()) open(O_CREAT);
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd_, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail("cannot be written (what came is kept, and the next try goes on)", errno);
    bytes = bytes.subspan(size_t(n));
    size_ += uint64_t(n);
  }
}

void PartialFile::finish(const fs::path& from, const fs::path& to) {
  const int fd = ::open(from.c_str(), O_RDONLY | O_CLOEXEC);
  bool good = fd >= 0 && ::fsync(fd) == 0;
  if (fd >= 0) ::close(fd);
  good = good && ::rename(from.c_str(), to.c_str()) == 0;
  if (!good)
    throw IoError(
        to.string(),
        fmt::format("cannot be put in place: {}", std::generic_category().message(errno)));
}

void PartialFile::fail(const char* what, int error) const {
  throw IoError(
      o_.path.string(), fmt::format("{}: {}", what, std::generic_category().message(error)));
}

}  // namespace fovea::hub
