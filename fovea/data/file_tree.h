#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace fovea::data {

// The files below a directory or inside an archive, read in place. Paths are relative, with '/'
// between the parts; hidden files and "__MACOSX" are left out.
class FileTree {
 public:
  struct File {
    std::string path;
    uint64_t size = 0;
  };

  virtual ~FileTree() = default;

  const std::string& name() const { return name_; }
  const std::vector<File>& files() const { return files_; }             // byte order of the paths
  const std::vector<std::string>& folders() const { return folders_; }  // empty ones too, sorted
  std::string full_name(size_t i) const;  // "photos/cats/1.jpg", "photos.zip:cats/1.jpg"

  // The content of files()[i]; any thread. Throws IoError naming the file.
  virtual std::vector<uint8_t> read(size_t i) const = 0;

 protected:
  // Larger files are refused: no picture needs them, and an archive may lie about its sizes.
  static constexpr uint64_t max_file_bytes = uint64_t(1) << 30;

  FileTree(std::string name, std::string separator)
      : name_(std::move(name)), separator_(std::move(separator)) {}

  // Adds every folder that a file lies in, sorts and removes doubles.
  void complete_folders();
  // Throws IoError when file i is over the limit.
  void check_size(size_t i) const;
  // False for hidden files and those that archivers add.
  static bool is_visible(const std::string& path);

  std::string name_, separator_;
  std::vector<File> files_;
  std::vector<std::string> folders_;
};

using FileTreePtr = std::shared_ptr<const FileTree>;

// Links to files and folders are followed; `recursive` goes into folders. Throws IoError when a
// folder cannot be listed.
FileTreePtr open_directory(const std::filesystem::path& path, bool recursive = true);

// Stored or deflated, zip64 too; not encrypted. Throws IoError when the file is no zip.
FileTreePtr open_zip(const std::filesystem::path& path);

// A plain tar (ustar, pax, GNU) is indexed and mapped; one compressed by gzip, bzip2, xz or zstd
// has to be unpacked into memory, which is refused beyond 4 GiB. Throws IoError naming the offset.
FileTreePtr open_tar(const std::filesystem::path& path);

// Does the name end like an archive that open_zip or open_tar reads?
bool is_zip_name(const std::string& name);
bool is_tar_name(const std::string& name);

// open_directory, open_zip or open_tar, as the path asks for.
FileTreePtr open_tree(const std::filesystem::path& path);

}  // namespace fovea::data
