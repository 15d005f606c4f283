#include "fovea/formats/zip_archive.h"

#include <algorithm>

#include <fmt/format.h>
#include <zip.h>

#include "fovea/core/atomic_file.h"
#include "fovea/core/errors.h"

namespace fovea::formats {

namespace {

constexpr uint64_t max_unpacked = uint64_t(16) << 30;
constexpr uint64_t deflate_ratio = 1032;  // RFC 1951: 258 bytes from two bits at best
constexpr size_t block = 1 << 20;

struct OwnedZip {
  zip_t* zip = nullptr;
  ~OwnedZip() { zip_discard(zip); }
};

// An absolute path, or one with a part "..".
bool leads_out(std::string_view path) {
  if (path.starts_with('/') || path.find('\\') != path.npos) return true;
  for (size_t at = 0; at <= path.size();) {
    size_t end = std::min(path.find('/', at), path.size());
    if (path.substr(at, end - at) == "..") return true;
    at = end + 1;
  }
  return false;
}

}  // namespace

struct ZipArchive::Handle : OwnedZip {};

ZipArchive::ZipArchive(std::span<const std::byte> file, const std::string& name)
    : name_(name), zip_(std::make_unique<Handle>()) {
  if (file.size() < 22 || file[0] != std::byte('P') || file[1] != std::byte('K'))
    throw IoError(name_, "expected a whole zip archive", 0);
  zip_error_t error;
  zip_error_init(&error);
  zip_source_t* source = zip_source_buffer_create(file.data(), file.size(), 0, &error);
  if (source) zip_->zip = zip_open_from_source(source, ZIP_RDONLY | ZIP_CHECKCONS, &error);
  if (!zip_->zip) {
    if (source) zip_source_free(source);
    std::string text = zip_error_strerror(&error);
    zip_error_fini(&error);
    throw IoError(
        name_, fmt::format("expected a whole zip archive: {}; is the file truncated?", text));
  }
  zip_error_fini(&error);
  uint64_t packed = 0, unpacked = 0;
  for (zip_int64_t i = 0; i < zip_get_num_entries(zip_->zip, 0); ++i) {
    zip_stat_t stat;
    constexpr auto wanted = ZIP_STAT_NAME | ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE;
    if (zip_stat_index(zip_->zip, zip_uint64_t(i), 0, &stat) != 0 ||
        (stat.valid & wanted) != wanted)
      throw IoError(name_, fmt::format("cannot read entry {} of the archive", i));
    std::string_view entry = stat.name;
    if (leads_out(entry))
      throw IoError(name_, fmt::format("entry '{}' leads out of the archive", entry));
    if (entry.ends_with('/')) continue;
    packed += stat.comp_size;
    if (stat.comp_size > file.size() || packed > file.size())
      throw IoError(
          name_,
          fmt::format(
              "entries of more than the {} bytes of the file; the archive lies", file.size()));
    unpacked += std::min(stat.size, max_unpacked + 1);
    if (stat.size / deflate_ratio > stat.comp_size || unpacked > max_unpacked)
      throw IoError(
          name_,
          fmt::format(
              "entry '{}' would unpack {} bytes to {}: refused, it looks like a zip bomb",
              entry,
              stat.comp_size,
              stat.size));
    if (!entries_.emplace(entry, Entry{uint64_t(i), stat.size}).second)
      throw IoError(name_, fmt::format("entry '{}' stands twice in the archive", entry));
  }
}

ZipArchive::~ZipArchive() = default;

std::vector<std::string> ZipArchive::names() const {
  std::vector<std::string> names;
  for (const auto& [name, entry] : entries_) names.push_back(name);
  return names;
}

std::vector<std::byte> ZipArchive::read(std::string_view entry) const {
  auto found = entries_.find(entry);
  if (found == entries_.end())
    throw IoError(name_, fmt::format("has no entry '{}'; is the file whole?", entry));
  std::string full = fmt::format("{}:{}", name_, entry);
  auto close = [](zip_file_t* f) { zip_fclose(f); };
  std::unique_ptr<zip_file_t, decltype(close)> file(
      zip_fopen_index(zip_->zip, found->second.index, 0), close);
  if (!file) throw IoError(full, fmt::format("cannot open: {}", zip_strerror(zip_->zip)));
  std::vector<std::byte> bytes;
  // Grows with what comes, not with what the archive says; the read past the end is what makes
  // libzip compare the checksum.
  for (;;) {
    size_t done = bytes.size();
    uint64_t left = found->second.size - done;
    bytes.resize(done + std::min<uint64_t>(left + 1, std::max<uint64_t>(block, done)));
    auto got = zip_fread(file.get(), bytes.data() + done, bytes.size() - done);
    if (got < 0)
      throw IoError(full, fmt::format("cannot read: {}", zip_file_strerror(file.get())), done);
    bytes.resize(done + size_t(got));
    if (got == 0) break;
    if (bytes.size() > found->second.size)
      throw IoError(full, "is longer than the archive's index says");
  }
  if (bytes.size() != found->second.size)
    throw IoError(full, fmt::format("expected {} bytes, got {}", found->second.size, bytes.size()));
  return bytes;
}

void write_zip(const std::filesystem::path& path, std::span<const ZipEntry> entries) {
  auto check = [&](bool good, zip_t* zip) {
    if (!good)
      throw IoError(
          path.string(),
          fmt::format("cannot write: {}", zip ? zip_strerror(zip) : "out of memory"));
  };
  auto free = [](zip_source_t* s) { zip_source_free(s); };
  std::unique_ptr<zip_source_t, decltype(free)> target(
      zip_source_buffer_create(nullptr, 0, 0, nullptr), free);
  check(bool(target), nullptr);
  OwnedZip handle;
  zip_source_keep(target.get());  // the archive takes one hold, this function keeps another
  handle.zip = zip_open_from_source(target.get(), ZIP_TRUNCATE, nullptr);
  check(handle.zip, nullptr);
  for (const ZipEntry& entry : entries) {
    const zip_buffer_fragment_t parts[] = {
        {reinterpret_cast<zip_uint8_t*>(const_cast<char*>(entry.head.data())), entry.head.size()},
        {reinterpret_cast<zip_uint8_t*>(const_cast<std::byte*>(entry.bytes.data())),
         entry.bytes.size()}};
    zip_source_t* source = zip_source_buffer_fragment(handle.zip, parts, 2, 0);
    check(source, handle.zip);
    auto index = zip_file_add(handle.zip, entry.name.c_str(), source, ZIP_FL_ENC_UTF_8);
    if (index < 0) zip_source_free(source);
    check(index >= 0, handle.zip);
    zip_set_file_compression(handle.zip, zip_uint64_t(index), ZIP_CM_STORE, 0);
    zip_file_set_dostime(handle.zip, zip_uint64_t(index), 0, 33, 0);  // 1 January 1980
  }
  check(zip_close(handle.zip) == 0, handle.zip);
  handle.zip = nullptr;
  check(zip_source_open(target.get()) == 0, nullptr);
  AtomicFile file(path);
  std::vector<std::byte> part(block);
  for (;;) {
    auto got = zip_source_read(target.get(), part.data(), part.size());
    check(got >= 0, nullptr);
    if (got == 0) break;
    file.write(std::span(part).first(size_t(got)));
  }
  zip_source_close(target.get());
  file.commit();
}

}  // namespace fovea::formats
