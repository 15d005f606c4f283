#include "fovea/formats/safetensors.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <set>
#include <stdexcept>
#include <tuple>
#include <utility>

#include <fmt/format.h>

#include "fovea/core/atomic_file.h"
#include "fovea/core/errors.h"
#include "fovea/formats/safetensors_header.h"
#include "fovea/formats/torch_file.h"

static_assert(std::endian::native == std::endian::little, "tensors are stored little-endian");

namespace fovea::formats {

namespace {

// Bytes that the shape takes, or nothing when the extents, zeros aside, multiply past 63 bits.
std::optional<uint64_t> byte_size(Dtype dtype, const Shape& shape) {
  auto bytes = int64_t(size_of(dtype));
  bool empty = false;
  for (int64_t extent : shape) {
    empty |= extent == 0;
    if (extent != 0 && __builtin_mul_overflow(bytes, extent, &bytes)) return {};
  }
  return empty ? 0 : uint64_t(bytes);
}

// What a file that is not safetensors probably is, from its first bytes.
const char* guess_format(std::span<const std::byte> file) {
  auto starts = [&](std::string_view magic) {
    return file.size() >= magic.size() && std::memcmp(file.data(), magic.data(), magic.size()) == 0;
  };
  if (may_be_torch(file))
    return "; it looks like a PyTorch checkpoint, which `fovea convert` reads";
  if (starts("\x89HDF")) return "; it looks like an HDF5 file";
  if (starts("version https://git-lfs"))
    return "; it is a Git LFS pointer: fetch the real file with `git lfs pull`";
  return "; it is probably no safetensors file";
}

uint64_t header_size(std::span<const std::byte> file, const std::string& path) {
  if (file.size() < safetensors_prefix)
    throw IoError(
        path,
        fmt::format(
            "the file is truncated: expected an 8-byte header length, the file has {} bytes",
            file.size()),
        file.size());
  uint64_t size;
  std::memcpy(&size, file.data(), safetensors_prefix);
  if (size > safetensors_max_header)
    throw IoError(
        path,
        fmt::format(
            "expected a header of at most {} bytes, got a length of {}{}",
            safetensors_max_header,
            size,
            guess_format(file)),
        0);
  if (size > file.size() - safetensors_prefix)
    throw IoError(
        path,
        fmt::format(
            "the file is truncated: it ends at byte {}, its header at byte {}",
            file.size(),
            safetensors_prefix + size),
        file.size());
  return size;
}

// Size against dtype and shape, end against the file; what is left is whether the pieces fit.
void check_extent(
    const HeaderEntry& entry, uint64_t data_start, uint64_t data_size, const std::string& path) {
  auto [begin, end] = entry.offsets;
  if (end < begin)
    throw IoError(
        path, fmt::format("tensor '{}' ends at {} before it begins at {}", entry.name, end, begin));
  if (end > data_size)
    throw IoError(
        path,
        fmt::format(
            "the file is truncated or its header wrong: it ends at byte {}, tensor '{}' needs {} "
            "bytes more",
            data_start + data_size,
            entry.name,
            end - data_size),
        data_start + data_size);
  std::optional<uint64_t> expected = byte_size(entry.dtype, entry.shape);
  if (!expected)
    throw IoError(
        path,
        fmt::format(
            "tensor '{}' with shape {} is larger than any memory", entry.name, entry.shape.str()),
        data_start + begin);
  if (end - begin != *expected)
    throw IoError(
        path,
        fmt::format(
            "tensor '{}': expected {} bytes for {} of shape {}, its data_offsets span {}",
            entry.name,
            *expected,
            name_of(entry.dtype),
            entry.shape.str(),
            end - begin),
        data_start + begin);
}

// Overlaps, holes and bytes that belong to no tensor.
void check_cover(
    const std::vector<HeaderEntry>& entries,
    uint64_t data_start,
    uint64_t data_size,
    const std::string& path) {
  std::vector<const HeaderEntry*> sorted;
  for (const HeaderEntry& entry : entries) sorted.push_back(&entry);
  std::ranges::sort(sorted, {}, &HeaderEntry::offsets);
  uint64_t covered = 0;
  const HeaderEntry* before = nullptr;
  for (const HeaderEntry* entry : sorted) {
    uint64_t begin = entry->offsets[0];
    if (begin < covered)
      throw IoError(
          path,
          fmt::format("tensor '{}' overlaps tensor '{}'", entry->name, before->name),
          data_start + begin);
    if (begin > covered)
      throw IoError(
          path,
          fmt::format(
              "{} bytes before tensor '{}' belong to no tensor", begin - covered, entry->name),
          data_start + covered);
    covered = entry->offsets[1];
    before = entry;
  }
  if (covered != data_size)
    throw IoError(
        path,
        fmt::format("{} bytes after the last tensor belong to no tensor", data_size - covered),
        data_start + covered);
}

void check_bools(
    const HeaderEntry& entry,
    std::span<const std::byte> bytes,
    uint64_t start,
    const std::string& path) {
  auto bad = std::ranges::find_if(bytes, [](std::byte b) { return b > std::byte(1); });
  if (bad != bytes.end())
    throw IoError(
        path,
        fmt::format("tensor '{}': expected bools of 0 or 1, got {}", entry.name, int(*bad)),
        start + uint64_t(bad - bytes.begin()));
}

}  // namespace

SafetensorsFile SafetensorsFile::parse(std::span<const std::byte> bytes, const std::string& name) {
  uint64_t data_start = safetensors_prefix + header_size(bytes, name);
  std::span<const std::byte> data = bytes.subspan(data_start);
  std::string_view json(
      reinterpret_cast<const char*>(bytes.data()) + safetensors_prefix,
      data_start - safetensors_prefix);
  Header header = parse_header(json, name);

  for (const HeaderEntry& entry : header.entries)
    check_extent(entry, data_start, data.size(), name);
  check_cover(header.entries, data_start, data.size(), name);

  SafetensorsFile file;
  file.path_ = name;
  file.metadata_ = std::move(header.metadata);
  for (const HeaderEntry& entry : header.entries) {
    auto [begin, end] = entry.offsets;
    auto view = data.subspan(begin, end - begin);
    if (entry.dtype == Dtype::boolean) check_bools(entry, view, data_start + begin, name);
    file.tensors_.emplace(entry.name, TensorView{entry.dtype, entry.shape, view});
  }
  return file;
}

SafetensorsFile SafetensorsFile::open(const std::filesystem::path& path) {
  MappedFile mapped(path);
  SafetensorsFile file = parse(mapped.bytes(), mapped.path());
  file.file_ = std::move(mapped);
  return file;
}

const TensorView& SafetensorsFile::at(const std::string& name) const {
  auto found = tensors_.find(name);
  if (found != tensors_.end()) return found->second;
  std::string near;
  auto after = tensors_.lower_bound(name);
  if (after != tensors_.begin()) near += fmt::format("'{}'", std::prev(after)->first);
  if (after != tensors_.end())
    near += fmt::format("{}'{}'", near.empty() ? "" : ", ", after->first);
  throw std::invalid_argument(fmt::format(
      "{} has no tensor '{}' among its {}{}{}",
      path_,
      name,
      tensors_.size(),
      near.empty() ? "" : "; the nearest names are ",
      near));
}

void write_safetensors(
    const std::filesystem::path& path,
    std::span<const NamedTensorView> tensors,
    const Metadata& metadata) {
  std::vector<const NamedTensorView*> sorted;
  for (const NamedTensorView& tensor : tensors) sorted.push_back(&tensor);
  std::ranges::sort(sorted, {}, [](const NamedTensorView* t) {
    return std::tuple(-storage_rank(t->tensor.dtype), std::string_view(t->name));
  });

  Header header{{}, metadata};
  uint64_t offset = 0;
  for (const NamedTensorView* named : sorted) {
    const auto& [dtype, shape, bytes] = named->tensor;
    if (byte_size(dtype, shape) != bytes.size())
      throw std::invalid_argument(fmt::format(
          "[write_safetensors] tensor '{}': expected {} bytes for {} of shape {}, got {}",
          named->name,
          byte_size(dtype, shape).value_or(UINT64_MAX),
          name_of(dtype),
          shape.str(),
          bytes.size()));
    header.entries.push_back({named->name, dtype, shape, {offset, offset + bytes.size()}});
    offset += bytes.size();
  }
  std::set<std::string_view> names;
  for (const NamedTensorView& tensor : tensors)
    if (tensor.name == "__metadata__" || !names.insert(tensor.name).second)
      throw std::invalid_argument(fmt::format(
          "[write_safetensors] expected every tensor under a name of its own, got '{}', which is "
          "taken",
          tensor.name));

  std::string json = format_header(header);
  uint64_t size = json.size();
  AtomicFile file(path);
  file.write(std::as_bytes(std::span(&size, 1)));
  file.write(json);
  for (const NamedTensorView* named : sorted) file.write(named->tensor.bytes);
  file.commit();
}

}  // namespace fovea::formats
