#include "fovea/data/idx.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <zlib.h>

#include "fovea/core/errors.h"
#include "fovea/core/text.h"

namespace fovea::data {

namespace {

constexpr uint32_t image_magic = 2051, label_magic = 2049;
constexpr uint64_t max_bytes = uint64_t(4) << 30;

constexpr std::array fashion_classes{
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot"};

// Unpacks a gzip file, which may not become larger than max_bytes.
std::vector<uint8_t> gunzip(const std::vector<uint8_t>& packed, const std::string& name) {
  z_stream z{};
  FOVEA_ASSERT(inflateInit2(&z, 15 + 16) == Z_OK);
  std::vector<uint8_t> out;
  std::vector<uint8_t> chunk(size_t(1) << 18);
  z.next_in = const_cast<Bytef*>(packed.data());
  z.avail_in = uInt(packed.size());
  int code = Z_OK;
  while (code == Z_OK && out.size() <= max_bytes) {
    z.next_out = chunk.data();
    z.avail_out = uInt(chunk.size());
    code = inflate(&z, Z_NO_FLUSH);
    out.insert(out.end(), chunk.begin(), chunk.end() - ptrdiff_t(z.avail_out));
  }
  uint64_t read = z.total_in;
  inflateEnd(&z);
  if (code == Z_OK) throw IoError(name, fmt::format("unpacks to more than {} bytes", max_bytes));
  if (code != Z_STREAM_END)
    throw IoError(name, "is a damaged or truncated gzip file; fetch it again", read);
  return out;
}

struct Idx {
  std::vector<uint32_t> dims;
  std::vector<uint8_t> bytes;  // header included
  size_t start = 0;            // of the values
};

// Magic number, extents (all big-endian), then one byte per value.
Idx read_idx(const FileTree& tree, size_t file, uint32_t magic) {
  auto name = tree.full_name(file);
  Idx idx;
  idx.bytes = tree.read(file);
  if (lower(name).ends_with(".gz")) idx.bytes = gunzip(idx.bytes, name);
  auto word = [&](size_t i) {
    auto* b = idx.bytes.data() + 4 * i;
    return uint32_t(b[0]) << 24 | uint32_t(b[1]) << 16 | uint32_t(b[2]) << 8 | uint32_t(b[3]);
  };
  size_t rank = magic & 0xff;
  idx.start = 4 * (rank + 1);
  if (idx.bytes.size() < idx.start)
    throw IoError(
        name,
        fmt::format("expected an idx header of {} bytes, got {}", idx.start, idx.bytes.size()),
        idx.bytes.size());
  if (word(0) != magic)
    throw IoError(name, fmt::format("expected the idx magic number {}, got {}", magic, word(0)), 0);
  uint64_t values = 1;
  for (size_t i = 1; i <= rank; ++i) {
    idx.dims.push_back(word(i));
    values *= word(i);
    if (values > max_bytes || (i > 1 && word(i) == 0))
      throw IoError(name, fmt::format("cannot have extents {}", fmt::join(idx.dims, " x ")), 4 * i);
  }
  if (idx.bytes.size() - idx.start != values)
    throw IoError(
        name,
        fmt::format(
            "expected {} bytes after the header for extents {}, got {}; truncated?",
            values,
            fmt::join(idx.dims, " x "),
            idx.bytes.size() - idx.start),
        idx.bytes.size());
  return idx;
}

// The file whose name has `part` ("train") and ends with `kind` ("images") and idx's suffix.
std::optional<size_t> find(
    const FileTree& tree, std::initializer_list<const char*> parts, const std::string& kind) {
  const char* rank = kind == "images" ? "3" : "1";
  for (size_t i = 0; i < tree.files().size(); ++i) {
    auto name = lower(tree.files()[i].path);
    name.erase(0, name.rfind('/') + 1);
    if (name.ends_with(".gz")) name.resize(name.size() - 3);
    bool suffix = name.ends_with(fmt::format("{}-idx{}-ubyte", kind, rank)) ||
                  name.ends_with(fmt::format("{}.idx{}-ubyte", kind, rank));
    if (!suffix) continue;
    for (const char* part : parts)
      if (name.find(part) != std::string::npos) return i;
  }
  return std::nullopt;
}

std::vector<std::string> class_names(const FileTree& tree, int count) {
  if (count == 10 && lower(tree.name()).find("fashion") != std::string::npos)
    return {fashion_classes.begin(), fashion_classes.end()};
  std::vector<std::string> names;
  for (int c = 0; c < count; ++c) names.push_back(std::to_string(c));
  return names;
}

DatasetPtr read_split(
    const FileTree& tree, std::initializer_list<const char*> parts, const std::string& split) {
  auto images = find(tree, parts, "images"), labels = find(tree, parts, "labels");
  if (!images && !labels) return nullptr;
  if (!images || !labels)
    throw IoError(
        tree.full_name(images ? *images : *labels),
        fmt::format("expected a file of {} beside it", images ? "labels" : "images"));
  auto x = read_idx(tree, *images, image_magic), y = read_idx(tree, *labels, label_magic);
  if (x.dims[0] != y.dims[0])
    throw IoError(
        tree.full_name(*labels),
        fmt::format("expected {} labels, one per image, got {}", x.dims[0], y.dims[0]),
        4);
  Pixels pixels{.height = int(x.dims[1]), .width = int(x.dims[2]), .channels = 1};
  pixels.bytes.assign(x.bytes.begin() + ptrdiff_t(x.start), x.bytes.end());
  std::vector<int> label(y.bytes.begin() + ptrdiff_t(y.start), y.bytes.end());
  int most = label.empty() ? 0 : *std::max_element(label.begin(), label.end());
  return make_pixel_dataset(
      tree.name() + "/" + split,
      class_names(tree, std::max(10, most + 1)),
      std::move(pixels),
      std::move(label));
}

}  // namespace

std::optional<Source> open_idx(const FileTree& tree) {
  Source source;
  source.train = read_split(tree, {"train"}, "train");
  source.test = read_split(tree, {"t10k", "test"}, "test");
  if (!source.train && !source.test) return std::nullopt;
  return source;
}

}  // namespace fovea::data
