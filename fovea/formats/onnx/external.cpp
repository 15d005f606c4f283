#include "fovea/formats/onnx/external.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <optional>

#include <fmt/format.h>

#include "fovea/core/errors.h"

namespace fovea::formats {

namespace {

namespace fs = std::filesystem;

// Nothing for what is no whole number.
std::optional<uint64_t> number(const std::string& text) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return {};
  return value;
}

// Whether `file` lies in `folder` or below; both without links.
bool is_inside(const fs::path& file, const fs::path& folder) {
  return std::ranges::mismatch(folder, file).in1 == folder.end();
}

}  // namespace

const MappedFile& ExternalFiles::file(const std::string& location, const std::string& what) {
  if (auto it = files_.find(location); it != files_.end()) return it->second;
  const fs::path relative(location);
  if (relative.empty() || relative.is_absolute() ||
      std::ranges::find(relative, "..") != relative.end())
    throw IoError(
        model_,
        fmt::format(
            "{} lies in \"{}\": expected a path below the folder of the model", what, location));
  std::error_code none;
  const fs::path found = fs::canonical(fs::path(model_).parent_path() / relative, none);
  if (none)
    throw IoError(
        model_,
        fmt::format(
            "{} lies in the file \"{}\", which must be beside the model: {}",
            what,
            location,
            none.message()));
  // In a cache the two may be links to files of another folder.
  const fs::path model = fs::absolute(model_);
  if (!is_inside(found, fs::canonical(model.parent_path())) &&
      !is_inside(found, fs::canonical(model).parent_path()))
    throw IoError(
        model_,
        fmt::format("{} lies in \"{}\", a link out of the folder of the model", what, location));
  return files_.emplace(location, MappedFile(found)).first->second;
}

std::span<const std::byte> ExternalFiles::bytes_of(
    const ExternalPlace& place, const std::string& what, size_t size) {
  const std::string& location = place.location;
  auto number_of = [&](const std::string& text, const char* key, uint64_t otherwise) {
    const auto value = text.empty() ? otherwise : number(text);
    if (!value)
      throw IoError(
          model_, fmt::format("{}: expected a number of bytes as {}, got \"{}\"", what, key, text));
    return *value;
  };
  const uint64_t offset = number_of(place.offset, "offset", 0);
  const uint64_t length = number_of(place.length, "length", size);
  if (length != size)
    throw IoError(
        model_,
        fmt::format("{}: expected {} bytes in \"{}\", got {}", what, size, location, length));
  const auto bytes = file(location, what).bytes();
  if (offset > bytes.size() || length > bytes.size() - offset)
    throw IoError(
        model_,
        fmt::format(
            "{}: expected {} bytes at {} of \"{}\", which has {}; is it cut short?",
            what,
            length,
            offset,
            location,
            bytes.size()));
  return bytes.subspan(offset, length);
}

}  // namespace fovea::formats
