#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <string>

namespace fovea::formats {

// A whole file, mapped read-only into memory; pages are read when they are touched. The mapping
// lives as long as any copy of this object. Cutting the file short meanwhile ends the process.
class MappedFile {
 public:
  // Throws IoError when the path cannot be opened or is not a regular file.
  explicit MappedFile(const std::filesystem::path& path);

  std::span<const std::byte> bytes() const { return bytes_; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
  std::shared_ptr<const void> mapping_;
  std::span<const std::byte> bytes_;
};

}  // namespace fovea::formats
