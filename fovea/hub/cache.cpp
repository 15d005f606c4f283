#include "fovea/hub/cache.h"

#include <algorithm>
#include <fstream>
#include <stdexcept>

#include <fmt/format.h>

#include "fovea/core/atomic_file.h"
#include "fovea/core/errors.h"
#include "fovea/core/text.h"
#include "fovea/formats/mapped_file.h"

namespace fovea::hub {

namespace fs = std::filesystem;

namespace {

constexpr size_t longest_name = 255;

// Parts between slashes that are names of files and nothing else.
bool is_safe_path(std::string_view path) {
  if (path.empty() || path.size() > 1024) return false;
  for (size_t at = 0; at <= path.size();) {
    const size_t end = std::min(path.find('/', at), path.size());
    const std::string_view part = path.substr(at, end - at);
    if (part.empty() || part == "." || part == ".." || part.size() > longest_name) return false;
    for (unsigned char c : part)
      if (c < 0x20 || c == 0x7f || c == '\\' || c == ':') return false;
    at = end + 1;
  }
  return true;
}

[[noreturn]] void refuse(const char* what, std::string_view got) {
  throw std::invalid_argument(fmt::format("expected {}, got \"{}\"", what, printable(got)));
}

std::string folder_name(std::string id) {
  if (const size_t slash = id.find('/'); slash != id.npos) id.replace(slash, 1, "--");
  return "models--" + id;
}

}  // namespace

void check_repository(std::string_view id) {
  const bool plain = std::ranges::all_of(id, [](unsigned char c) {
    return std::isalnum(c) || c == '-' || c == '_' || c == '.' || c == '/';
  });
  if (!plain || !is_safe_path(id) || std::ranges::count(id, '/') > 1 || id.size() > 200)
    refuse("a repository as \"org/name\"", id);
  // "--" stands for "/" in the names of folders, and the hub gives no such names.
  if (id.find("--") != id.npos || id.find("..") != id.npos)
    refuse("a repository as \"org/name\" without \"--\" and \"..\"", id);
}

void check_revision(std::string_view revision) {
  if (!is_safe_path(revision)) refuse("a branch, a tag or a commit as revision", revision);
}

bool is_file_name(std::string_view name) { return is_safe_path(name); }

void check_file_name(std::string_view name) {
  if (!is_file_name(name)) refuse("the name of a file inside the repository", name);
}

bool is_hex(std::string_view text, size_t length) {
  return text.size() == length && text.find_first_not_of("0123456789abcdef") == text.npos;
}

bool is_commit(std::string_view revision) { return is_hex(revision, 40); }

RepositoryCache::RepositoryCache(fs::path root, const std::string& id) : root_(std::move(root)) {
  check_repository(id);
  folder_ = root_ / folder_name(id);
}

void RepositoryCache::make() const {
  for (const char* part : {"blobs", "snapshots"}) fs::create_directories(folder_ / part);
}

fs::path RepositoryCache::lock(const std::string& etag) const {
  return root_ / ".locks" / folder_.filename() / (etag + ".lock");
}

fs::path RepositoryCache::file(const std::string& commit, const std::string& name) const {
  return folder_ / "snapshots" / commit / name;
}

std::string RepositoryCache::commit_of(const std::string& revision) const {
  if (is_commit(revision)) return fs::exists(folder_ / "snapshots" / revision) ? revision : "";
  std::ifstream in(folder_ / "refs" / revision);
  std::string commit;
  in >> commit;
  return is_commit(commit) ? commit : "";
}

void RepositoryCache::remember(const std::string& revision, const std::string& commit) const {
  if (is_commit(revision) || commit_of(revision) == commit) return;
  const fs::path ref = folder_ / "refs" / revision;
  fs::create_directories(ref.parent_path());
  write_file_atomic(ref, commit);
}

std::vector<std::string> RepositoryCache::files(const std::string& commit) const {
  const fs::path top = folder_ / "snapshots" / commit;
  std::vector<std::string> names;
  std::error_code absent;
  for (const auto& entry : fs::recursive_directory_iterator(top, absent))
    if (entry.is_regular_file()) names.push_back(entry.path().lexically_relative(top).string());
  std::ranges::sort(names);
  return names;
}

void RepositoryCache::link(
    const std::string& commit, const std::string& name, const std::string& etag) const {
  const fs::path at = file(commit, name);
  if (fs::exists(at)) return;
  fs::create_directories(at.parent_path());
  if (fs::is_symlink(at)) fs::remove(at);  // to a blob that is gone
  std::error_code none;
  fs::create_symlink(blob(etag).lexically_relative(at.parent_path()), at, none);
  // Another process may have made it meanwhile.
  if (none && !fs::exists(at)) write_file_atomic(at, formats::MappedFile(blob(etag)).bytes());
}

}  // namespace fovea::hub
