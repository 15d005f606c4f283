#include <algorithm>
#include <memory>
#include <mutex>

#include <fmt/format.h>
#include <zip.h>

#include "fovea/core/errors.h"
#include "fovea/data/file_tree.h"

namespace fovea::data {

namespace {

struct CloseArchive {
  void operator()(zip_t* z) const { zip_discard(z); }
};
struct CloseFile {
  void operator()(zip_file_t* f) const { zip_fclose(f); }
};
using Handle = std::unique_ptr<zip_t, CloseArchive>;

// libzip handles may not be shared between threads, so each reader borrows one of a pool that grows
// to as many as read at once.
class Zip : public FileTree {
 public:
  explicit Zip(const std::filesystem::path& path) : FileTree(path.string(), ":") {
    Handle z = open();
    auto count = zip_get_num_entries(z.get(), 0);
    struct Entry {
      File file;
      uint64_t index;
    };
    std::vector<Entry> entries;
    for (zip_int64_t i = 0; i < count; ++i) {
      zip_stat_t stat;
      if (zip_stat_index(z.get(), zip_uint64_t(i), 0, &stat) != 0)
        throw IoError(name_, fmt::format("cannot read entry {}: {}", i, zip_strerror(z.get())));
      if (!(stat.valid & ZIP_STAT_NAME) || !(stat.valid & ZIP_STAT_SIZE)) continue;
      std::string entry = stat.name;
      if (!is_visible(entry)) continue;
      if (entry.ends_with('/')) {
        entry.pop_back();
        folders_.push_back(std::move(entry));
      } else {
        entries.push_back({{std::move(entry), stat.size}, uint64_t(i)});
      }
    }
    std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
      return a.file.path < b.file.path;
    });
    for (auto& e : entries) {
      files_.push_back(std::move(e.file));
      index_.push_back(e.index);
    }
    complete_folders();
    pool_.push_back(std::move(z));
  }

  std::vector<uint8_t> read(size_t i) const override {
    check_size(i);
    Handle z = borrow();
    std::unique_ptr<zip_file_t, CloseFile> file(zip_fopen_index(z.get(), index_[i], 0));
    if (!file) throw IoError(full_name(i), fmt::format("cannot open: {}", zip_strerror(z.get())));
    std::vector<uint8_t> bytes(files_[i].size);
    size_t done = 0;
    // One read past the end makes libzip compare the checksum.
    for (uint8_t beyond = 0;;) {
      bool full = done == bytes.size();
      auto got = zip_fread(
          file.get(), full ? &beyond : bytes.data() + done, full ? 1 : bytes.size() - done);
      if (got < 0)
        throw IoError(
            full_name(i), fmt::format("cannot read: {}", zip_file_strerror(file.get())), done);
      if (got == 0) break;
      if (full) throw IoError(full_name(i), "is longer than the archive's index says", done);
      done += size_t(got);
    }
    if (done != bytes.size())
      throw IoError(
          full_name(i), fmt::format("expected {} bytes, got {}", bytes.size(), done), done);
    file.reset();
    std::lock_guard lock(mutex_);
    pool_.push_back(std::move(z));
    return bytes;
  }

 private:
  Handle open() const {
    int code = 0;
    Handle z(zip_open(name_.c_str(), ZIP_RDONLY, &code));
    if (z) return z;
    zip_error_t error;
    zip_error_init_with_code(&error, code);
    std::string text = zip_error_strerror(&error);
    zip_error_fini(&error);
    throw IoError(name_, fmt::format("expected a zip archive: {}", text));
  }

  Handle borrow() const {
    std::lock_guard lock(mutex_);
    if (pool_.empty()) return open();
    Handle z = std::move(pool_.back());
    pool_.pop_back();
    return z;
  }

  std::vector<uint64_t> index_;  // of files_[i] in the archive
  mutable std::mutex mutex_;
  mutable std::vector<Handle> pool_;
};

}  // namespace

FileTreePtr open_zip(const std::filesystem::path& path) { return std::make_shared<Zip>(path); }

}  // namespace fovea::data
