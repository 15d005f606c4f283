#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>

#include "fovea/hub/http.h"

namespace fovea::hub {

// A file that grows by answers to requests for what is missing of it, and keeps what came. It is
// made with the first byte, and one without any is removed. Failures are IoErrors with the path.
class PartialFile {
 public:
  struct Options {
    std::filesystem::path path;
    std::string name;              // for messages
    std::optional<uint64_t> size;  // of the whole, where known; a longer file begins anew
    uint64_t largest = 0;          // no file may be longer
  };

  explicit PartialFile(Options options);
  ~PartialFile();
  PartialFile(const PartialFile&) = delete;
  PartialFile& operator=(const PartialFile&) = delete;

  uint64_t size() const { return size_; }
  uint64_t total() const { return total_; }  // what the last answer leads to; 0 when unknown

  // Bytes of an answer's body: 206 goes on where the file ends, anything else begins it anew.
  // Throws when the server sends more bytes than the file has, and when the disk has no room for
  // the rest. For another range than what was asked for it begins anew and throws a TransferError
  // that passes, or an IoError where the whole was asked for.
  void write(const Reply& reply, std::span<const std::byte> bytes);

  void restart();  // empties it
  void keep();     // it is whole, even without a byte

  // Flushes a whole file to disk and puts it in its place.
  static void finish(const std::filesystem::path& from, const std::filesystem::path& to);

 private:
  [[noreturn]] void fail(const char* what, int error) const;
  void begin(const Reply& reply);
  void open(int more_flags);

  Options o_;
  int fd_ = -1;  // none while there is no file
  uint64_t size_ = 0, total_ = 0;
  bool begun_ = false, kept_ = false;
};

}  // namespace fovea::hub
