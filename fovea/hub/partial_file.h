#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>

#include "fovea/hub/http.h"

namespace fovea::hub {

// A file that grows by answers to requests for what is missing of it, and keeps what came.
// Failures are IoErrors with the path.
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
  // Throws when the server sends another range or more bytes than the file has, and when the disk
  // has no room for the rest.
  void write(const Reply& reply, std::span<const std::byte> bytes);

  void restart();  // empties it

  // Flushes a whole file to disk and puts it in its place.
  static void finish(const std::filesystem::path& from, const std::filesystem::path& to);

 private:
  [[noreturn]] void fail(const char* what, int error) const;
  void begin(const Reply& reply);

  Options o_;
  int fd_ = -1;
  uint64_t size_ = 0, total_ = 0;
  bool begun_ = false;
};

}  // namespace fovea::hub
