#include "fovea/formats/npz.h"

#include <fmt/format.h>

#include "fovea/core/errors.h"
#include "fovea/core/eval.h"
#include "fovea/formats/mapped_file.h"
#include "fovea/formats/npy.h"
#include "fovea/formats/zip_archive.h"

namespace fovea::formats {

namespace {
constexpr std::string_view suffix = ".npy";
}

Tree parse_npz(std::span<const std::byte> file, const std::string& name) {
  const ZipArchive zip(file, name);
  Tree tree;
  for (const std::string& entry : zip.names()) {
    if (!entry.ends_with(suffix))
      throw IoError(name, fmt::format("expected .npy files in the archive, got '{}'", entry));
    const std::string full = name + ":" + entry;
    // Before it is unpacked: what is longer than it says is no array.
    const uint64_t expected = npy_size(zip.begin(entry, npy_header_room), full);
    if (zip.size(entry) != expected)
      throw IoError(full, fmt::format("expected {} bytes, got {}", expected, zip.size(entry)));
    tree[entry.substr(0, entry.size() - suffix.size())] = parse_npy(zip.read(entry), full);
  }
  return tree;
}

Tree read_npz(const std::filesystem::path& path) {
  MappedFile file(path);
  return parse_npz(file.bytes(), file.path());
}

void write_npz(const std::filesystem::path& path, const Tree& tensors) {
  eval(values_of(tensors));
  std::vector<ZipEntry> entries;
  for (const auto& [name, tensor] : tensors)
    entries.push_back({name + std::string(suffix), npy_header(tensor), tensor.bytes()});
  write_zip(path, entries);
}

}  // namespace fovea::formats
