#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <string_view>

namespace fovea {

// Writes a file so that readers see the old content or the whole new one, never a part: bytes go to
// a temporary file in the same directory, which commit() flushes to disk and renames over `path`.
// Where the file system can, it has no name until then, so that nothing stays of a process that is
// killed; elsewhere ".fovea-PID-N.tmp" may stay, which a later writer removes.
// Every failure throws IoError with the path and the system's reason ("No space left on device"),
// and the destructor removes a temporary file that was not committed. A link at `path` is followed,
// also to where no file is yet, and the permissions of a file that was there are kept; a folder, a
// pipe or a device is refused. Writes are not buffered.
class AtomicFile {
 public:
  explicit AtomicFile(std::filesystem::path path);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void write(std::span<const std::byte> bytes);
  void write(std::string_view text) { write(std::as_bytes(std::span(text))); }
  uint64_t size() const { return size_; }  // bytes written so far

  void commit();  // once, after the last write

 private:
  void name_temporary(const char* trouble, const std::function<bool(const char* name)>& make);
  [[noreturn]] void fail(const char* what, int error) const;

  std::filesystem::path path_;       // as the caller named it, for messages
  std::filesystem::path target_;     // with links resolved
  std::filesystem::path temporary_;  // empty while it has no name
  int fd_ = -1;
  uint64_t size_ = 0;
};

// The whole of AtomicFile in one call.
void write_file_atomic(const std::filesystem::path& path, std::span<const std::byte> bytes);
void write_file_atomic(const std::filesystem::path& path, std::string_view text);

}  // namespace fovea
