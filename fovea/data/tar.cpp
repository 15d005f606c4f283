#include <algorithm>
#include <map>
#include <memory>
#include <span>

#include <archive.h>
#include <archive_entry.h>
#include <fmt/format.h>

#include "fovea/core/errors.h"
#include "fovea/data/file_tree.h"
#include "fovea/formats/mapped_file.h"

namespace fovea::data {

namespace {

struct FreeArchive {
  void operator()(archive* a) const { archive_read_free(a); }
};

// A path without "./" in front or '/' at the end.
std::string clean(std::string path) {
  while (path.starts_with("./")) path.erase(0, 2);
  while (path.ends_with('/')) path.pop_back();
  return path == "." ? "" : path;
}

std::string path_of(
    archive_entry* entry,
    const char* (*native)(archive_entry*),
    const char* (*utf8)(archive_entry*)) {
  const char* text = native(entry);
  if (!text) text = utf8(entry);  // the name does not fit the current locale
  return text ? clean(text) : "";
}

class Tar : public FileTree {
 public:
  explicit Tar(const std::filesystem::path& path) : FileTree(path.string(), ":"), map_(path) {
    reader_.reset(archive_read_new());
    archive_read_support_filter_all(reader_.get());
    archive_read_support_format_tar(reader_.get());
    if (archive_read_open_memory(reader_.get(), map_.bytes().data(), map_.bytes().size()) !=
        ARCHIVE_OK)
      fail("expected a tar archive");
    archive_entry* entry = nullptr;
    for (;;) {
      int code = archive_read_next_header(reader_.get(), &entry);
      if (code == ARCHIVE_EOF) break;
      if (code < ARCHIVE_WARN) fail("expected a tar archive");
      add(entry);
    }
    bool plain = is_plain();
    reader_.reset();
    bytes_ = plain ? map_.bytes() : std::as_bytes(std::span(unpacked_));
    for (auto& [name, range] : ranges_) {
      files_.push_back({name, range.size});
      offsets_.push_back(range.offset);
    }
    ranges_.clear();
    complete_folders();
  }

  std::vector<uint8_t> read(size_t i) const override {
    check_size(i);
    auto part = bytes_.subspan(offsets_[i], files_[i].size);
    auto* first = reinterpret_cast<const uint8_t*>(part.data());
    return {first, first + part.size()};
  }

 private:
  static constexpr uint64_t max_unpacked = uint64_t(4) << 30;

  struct Range {
    uint64_t offset, size;
  };

  bool is_plain() const { return archive_filter_code(reader_.get(), 0) == ARCHIVE_FILTER_NONE; }

  [[noreturn]] void fail(const char* what) const {
    const char* why = archive_error_string(reader_.get());
    throw IoError(
        name_,
        fmt::format("{}: {}", what, why ? why : "unknown format"),
        uint64_t(std::max<int64_t>(0, archive_filter_bytes(reader_.get(), 0))));
  }

  void add(archive_entry* entry) {
    auto name = path_of(entry, archive_entry_pathname, archive_entry_pathname_utf8);
    if (!is_visible(name)) return;
    if (archive_entry_filetype(entry) == AE_IFDIR) {
      folders_.push_back(name);
      return;
    }
    auto link = path_of(entry, archive_entry_hardlink, archive_entry_hardlink_utf8);
    if (!link.empty()) {  // the same content under a second name
      auto target = ranges_.find(link);
      if (target != ranges_.end()) ranges_[name] = target->second;
      return;
    }
    if (archive_entry_filetype(entry) != AE_IFREG) return;
    if (archive_entry_sparse_count(entry) > 0)
      throw IoError(name_ + ":" + name, "is a sparse file, which is not supported; repack the tar");
    auto size = uint64_t(archive_entry_size(entry));
    if (is_plain()) {
      auto offset = uint64_t(archive_filter_bytes(reader_.get(), 0));
      if (offset > map_.bytes().size() || size > map_.bytes().size() - offset)
        throw IoError(
            name_,
            fmt::format(
                "truncated: {} needs {} bytes, {} are left",
                name,
                size,
                map_.bytes().size() - std::min<uint64_t>(offset, map_.bytes().size())),
            offset);
      ranges_[name] = {offset, size};
    } else {
      unpack(name, size);
    }
  }

  void unpack(const std::string& name, uint64_t size) {
    uint64_t offset = unpacked_.size();
    if (size > max_file_bytes || offset + size > max_unpacked)
      throw IoError(
          name_,
          fmt::format(
              "is compressed and holds more than {} GiB of files; unpack it, or use a zip or a "
              "plain tar, which are read in place",
              max_unpacked >> 30));
    unpacked_.resize(offset + size);
    for (uint64_t done = 0; done < size;) {
      auto got = archive_read_data(reader_.get(), unpacked_.data() + offset + done, size - done);
      if (got <= 0) fail("cannot unpack the archive");
      done += uint64_t(got);
    }
    ranges_[name] = {offset, size};
  }

  formats::MappedFile map_;
  std::unique_ptr<archive, FreeArchive> reader_;
  std::map<std::string, Range> ranges_;  // while the index is built
  std::vector<uint8_t> unpacked_;        // file contents of a compressed archive
  std::span<const std::byte> bytes_;     // what offsets_ point into
  std::vector<uint64_t> offsets_;
};

}  // namespace

FileTreePtr open_tar(const std::filesystem::path& path) { return std::make_shared<Tar>(path); }

}  // namespace fovea::data
