#include "fovea/formats/mapped_file.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include "fovea/core/errors.h"
#include "fovea/core/file_kind.h"

namespace fovea::formats {

namespace {

class Descriptor {
 public:
  explicit Descriptor(const std::string& path) : fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

[[noreturn]] void fail(const std::string& path, const char* what) {
  throw IoError(path, std::string(what) + ": " + std::strerror(errno));
}

}  // namespace

MappedFile::MappedFile(const std::filesystem::path& path) : path_(path.string()) {
  struct stat info {};
  // Asked before it is opened, which waits for the writer of a pipe and may do things to a device.
  if (::stat(path_.c_str(), &info) != 0) fail(path_, "cannot open the file");
  if (!S_ISREG(info.st_mode))
    throw IoError(path_, fmt::format("expected a file, got {}", file_kind(info.st_mode)));
  Descriptor file(path_);
  if (file.get() < 0) fail(path_, "cannot open the file");
  if (::fstat(file.get(), &info) != 0) fail(path_, "cannot read the file's size");
  auto size = size_t(info.st_size);
  if (size == 0) return;  // an empty mapping is an error to mmap
  void* start = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.get(), 0);
  if (start == MAP_FAILED) fail(path_, "cannot map the file into memory");
  mapping_.reset(start, [size](const void* p) { ::munmap(const_cast<void*>(p), size); });
  bytes_ = {static_cast<const std::byte*>(start), size};
}

}  // namespace fovea::formats
