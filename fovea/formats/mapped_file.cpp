#include "fovea/formats/mapped_file.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fovea/core/errors.h"

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
  Descriptor file(path_);
  if (file.get() < 0) fail(path_, "cannot open the file");
  struct stat info {};
  if (::fstat(file.get(), &info) != 0) fail(path_, "cannot read the file's size");
  if (S_ISDIR(info.st_mode)) throw IoError(path_, "expected a file, got a folder");
  if (!S_ISREG(info.st_mode)) throw IoError(path_, "expected a regular file, got something else");
  auto size = size_t(info.st_size);
  if (size == 0) return;  // an empty mapping is an error to mmap
  void* start = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.get(), 0);
  if (start == MAP_FAILED) fail(path_, "cannot map the file into memory");
  mapping_.reset(start, [size](const void* p) { ::munmap(const_cast<void*>(p), size); });
  bytes_ = {static_cast<const std::byte*>(start), size};
}

}  // namespace fovea::formats
