#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace fovea::formats {

// A zip archive in memory, read entry by entry: .npz files and PyTorch's checkpoints. Refused:
// names that lead out of the archive or stand twice, entries that overlap, and unpacked sizes that
// deflate cannot reach or that add more than 16 GiB to the packed ones. Throws IoError.
class ZipArchive {
 public:
  // `file` must outlive the archive; `name` stands for its path in errors.
  ZipArchive(std::span<const std::byte> file, const std::string& name);
  ~ZipArchive();

  std::vector<std::string> names() const;  // of files, in byte order
  bool contains(std::string_view entry) const { return entries_.contains(entry); }
  uint64_t size(std::string_view entry) const;  // unpacked, as the archive's index says
  std::vector<std::byte> read(std::string_view entry) const;  // the checksum is compared
  // Its first bytes, at most `most`; nothing is compared.
  std::vector<std::byte> begin(std::string_view entry, size_t most) const;

 private:
  struct Handle;
  struct Entry {
    uint64_t index, size;
  };
  const Entry& find(std::string_view entry) const;
  std::vector<std::byte> unpack(std::string_view entry, uint64_t most) const;

  std::string name_;
  std::unique_ptr<Handle> zip_;
  std::map<std::string, Entry, std::less<>> entries_;
};

// One entry to be written; the bytes stay the caller's.
struct ZipEntry {
  std::string name;
  std::string head;  // what stands before them
  std::span<const std::byte> bytes;
};

// Writes the entries unpacked and atomically, without times, so equal entries give equal files.
// Throws std::invalid_argument for names that ZipArchive refuses, are no UTF-8 text or too long.
void write_zip(const std::filesystem::path& path, std::span<const ZipEntry> entries);

}  // namespace fovea::formats
