#include "fovea/formats/zip_archive.h"

#include <algorithm>
#include <set>
#include <stdexcept>

#include <fmt/format.h>
#include <zip.h>

#include "fovea/core/atomic_file.h"
#include "fovea/core/errors.h"
#include "fovea/core/text.h"
#include "fovea/core/utf8.h"

namespace fovea::formats {

namespace {

constexpr uint64_t max_unpacked = uint64_t(16) << 30;  // beyond the packed size
constexpr uint64_t deflate_ratio = 1032;               // RFC 1951: 258 bytes from two bits at best
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
    const bool twice = zip_error_code_zip(&error) == ZIP_ER_EXISTS;
    std::string text = zip_error_strerror(&error);
    zip_error_fini(&error);
    throw IoError(
        name_,
        twice ? "an entry stands twice in the archive"
              : fmt::format("expected a whole zip archive: {}; is the file truncated?", text));
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
      throw IoError(name_, fmt::format("entry '{}' leads out of the archive", printable(entry)));
    if (entry.ends_with('/')) continue;
    packed += stat.comp_size;
    if (stat.comp_size > file.size() || packed > file.size())
      throw IoError(
          name_,
          fmt::format(
              "entries of more than the {} bytes of the file; the archive lies", file.size()));
    unpacked += std::min(stat.size - std::min(stat.size, stat.comp_size), max_unpacked + 1);
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

const ZipArchive::Entry& ZipArchive::find(std::string_view entry) const {
  auto found = entries_.find(entry);
  if (found == entries_.end())
    throw IoError(name_, fmt::format("has no entry '{}'; is the file whole?", printable(entry)));
  return found->second;
}

uint64_t ZipArchive::size(std::string_view entry) const { return find(entry).size; }

std::vector<std::byte> ZipArchive::begin(std::string_view entry, size_t most) const {
  return unpack(entry, std::min<uint64_t>(most, find(entry).size));
}

// The read past the end is what makes libzip compare the checksum.
std::vector<std::byte> ZipArchive::read(std::string_view entry) const {
  const uint64_t size = find(entry).size;
  std::vector<std::byte> bytes = unpack(entry, size + 1);
  const std::string full = fmt::format("{}:{}", name_, entry);
  if (bytes.size() > size) throw IoError(full, "is longer than the archive's index says");
  if (bytes.size() != size)
    throw IoError(full, fmt::format("expected {} bytes, got {}", size, bytes.size()));
  return bytes;
}

std::vector<std::byte> ZipArchive::unpack(std::string_view entry, uint64_t most) const {
  const std::string full = fmt::format("{}:{}", name_, entry);
  auto close = [](zip_file_t* f) { zip_fclose(f); };
  std::unique_ptr<zip_file_t, decltype(close)> file(
      zip_fopen_index(zip_->zip, find(entry).index, 0), close);
  if (!file) throw IoError(full, fmt::format("cannot open: {}", zip_strerror(zip_->zip)));
  std::vector<std::byte> bytes;
  bytes.reserve(most);  // what is not written takes no memory, should the index lie
  while (bytes.size() < most) {
    const size_t done = bytes.size();
    bytes.resize(done + std::min<uint64_t>(most - done, block));
    auto got = zip_fread(file.get(), bytes.data() + done, bytes.size() - done);
    if (got < 0)
      throw IoError(
          full,
          fmt::format(
              "cannot read: {}; the file is damaged, fetch it again",
              zip_file_strerror(file.get())),
          done);
    bytes.resize(done + size_t(got));
    if (got == 0) break;
  }
  return bytes;
}

namespace {

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

// What every program that unpacks the archive can make a file of.
void check_names(std::span<const ZipEntry> entries) {
  constexpr size_t most = 65535;  // bytes; the format counts them in 16 bits
  std::set<std::string_view> names;
  for (const ZipEntry& entry : entries) {
    auto refuse = [&](std::string_view why) {
      throw std::invalid_argument(fmt::format(
          "cannot write an archive with the name '{}', which {}; rename it",
          printable(entry.name),
          why));
    };
    if (entry.name.size() > most)
      refuse(fmt::format("has {} bytes, more than {}", entry.name.size(), most));
    if (!is_utf8(entry.name) || std::ranges::any_of(entry.name, is_control))
      refuse("has control characters or is not UTF-8");
    if (leads_out(entry.name)) refuse("would lead out of the archive");
    if (!names.insert(entry.name).second) refuse("stands twice");
  }
}

// The end record of an archive without entries, for which libzip writes no file.
constexpr std::string_view empty_archive("PK\5\6\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 22);

}  // namespace

void write_zip(const std::filesystem::path& path, std::span<const ZipEntry> entries) {
  check_names(entries);
  if (entries.empty()) {
    AtomicFile file(path);
    file.write(empty_archive);
    return file.commit();
  }
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
