#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

// The cache of huggingface_hub, so that files are shared with Python:
//   models--org--name/blobs/<etag>                  the bytes, once
//   models--org--name/snapshots/<commit>/<file>     a link to them
//   models--org--name/refs/<revision>               the commit it stood for
//   .locks/models--org--name/<etag>.lock            held by whoever fetches the blob
namespace fovea::hub {

// Throw std::invalid_argument, naming what was expected, for whatever could leave its folder:
// absolute paths, "..", control characters. Repositories may have no "--" either.
void check_repository(std::string_view id);         // "org/name" or "name"
void check_revision(std::string_view revision);     // a branch, a tag, "refs/pr/1", a commit
void check_file_name(std::string_view name);        // a relative path
bool is_file_name(std::string_view name);           // the same as an answer
bool is_commit(std::string_view revision);          // 40 hexadecimal digits
bool is_hex(std::string_view text, size_t length);  // small letters

class RepositoryCache {
 public:
  // `root` is the folder hub/ of HF_HOME.
  RepositoryCache(std::filesystem::path root, const std::string& id);

  const std::filesystem::path& folder() const { return folder_; }
  void make() const;  // the folders that huggingface_hub expects of a repository
  std::filesystem::path blob(const std::string& etag) const { return folder_ / "blobs" / etag; }
  std::filesystem::path lock(const std::string& etag) const;
  std::filesystem::path file(const std::string& commit, const std::string& name) const;

  // The commit a revision stood for when it was last fetched; a commit stands for itself. Empty
  // where the cache does not know.
  std::string commit_of(const std::string& revision) const;
  void remember(const std::string& revision, const std::string& commit) const;

  std::vector<std::string> files(const std::string& commit) const;  // sorted

  // Puts a blob under its name: by a link, or by a copy where the file system has none.
  void link(const std::string& commit, const std::string& name, const std::string& etag) const;

 private:
  std::filesystem::path root_, folder_;
};

}  // namespace fovea::hub
