#include "fovea/data/file_tree.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <numeric>

#include <fmt/format.h>

#include "fovea/core/errors.h"
#include "fovea/core/text.h"

namespace fovea::data {

namespace fs = std::filesystem;

namespace {

class Directory : public FileTree {
 public:
  Directory(const fs::path& path, bool recursive)
      : FileTree(path.string(), "/"), root_(path), recursive_(recursive) {
    list(path, "", 0);
    std::sort(
        files_.begin(), files_.end(), [](const File& a, const File& b) { return a.path < b.path; });
    complete_folders();
  }

  std::vector<uint8_t> read(size_t i) const override {
    check_size(i);
    std::ifstream in(root_ / files_[i].path, std::ios::binary);
    if (!in) throw IoError(full_name(i), fmt::format("cannot open: {}", std::strerror(errno)));
    std::vector<uint8_t> bytes(files_[i].size);
    in.read(reinterpret_cast<char*>(bytes.data()), std::streamsize(bytes.size()));
    if (size_t(in.gcount()) != bytes.size())
      throw IoError(
          full_name(i),
          fmt::format(
              "expected {} bytes, got {}: changed since it was listed?", bytes.size(), in.gcount()),
          uint64_t(in.gcount()));
    return bytes;
  }

 private:
  static constexpr int max_depth = 16;

  void list(const fs::path& folder, const std::string& prefix, int depth) {
    if (depth > max_depth)
      throw IoError(
          folder.string(),
          fmt::format("folders are nested more than {} deep; a link that leads back?", max_depth));
    try {
      for (const auto& entry : fs::directory_iterator(folder)) {
        auto path = prefix + entry.path().filename().string();
        if (!is_visible(path)) continue;
        std::error_code gone;  // a dangling link is no file
        if (entry.is_directory(gone)) {
          folders_.push_back(path);
          if (recursive_) list(entry.path(), path + "/", depth + 1);
        } else if (entry.is_regular_file(gone)) {
          files_.push_back({path, entry.file_size()});
        }
      }
    } catch (const fs::filesystem_error& e) {
      throw IoError(e.path1().string(), fmt::format("cannot list: {}", e.code().message()));
    }
  }

  fs::path root_;
  bool recursive_;
};

}  // namespace

std::string FileTree::full_name(size_t i) const { return name_ + separator_ + files_.at(i).path; }

void FileTree::complete_folders() {
  for (const auto& file : files_)
    for (size_t slash = file.path.find('/'); slash != std::string::npos;
         slash = file.path.find('/', slash + 1))
      folders_.push_back(file.path.substr(0, slash));
  std::sort(folders_.begin(), folders_.end());
  folders_.erase(std::unique(folders_.begin(), folders_.end()), folders_.end());
}

void FileTree::check_size(size_t i) const {
  if (files_.at(i).size > max_file_bytes)
    throw IoError(
        full_name(i),
        fmt::format("expected at most {} bytes, got {}", max_file_bytes, files_[i].size));
}

bool FileTree::is_visible(const std::string& path) {
  return !path.empty() && path.front() != '.' && path.find("/.") == std::string::npos &&
         !path.starts_with("__MACOSX");
}

FileTreePtr open_directory(const fs::path& path, bool recursive) {
  return std::make_shared<Directory>(path, recursive);
}

bool is_zip_name(const std::string& name) { return lower(name).ends_with(".zip"); }

bool is_tar_name(const std::string& name) {
  auto small = lower(name);
  for (const char* end :
       {".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz", ".tar.zst"})
    if (small.ends_with(end)) return true;
  return false;
}

FileTreePtr open_tree(const fs::path& path) {
  if (fs::is_directory(path)) return open_directory(path);
  if (is_zip_name(path.string())) return open_zip(path);
  return open_tar(path);
}

}  // namespace fovea::data
