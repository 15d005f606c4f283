#include "fovea/formats/torch_file.h"

#include <cstring>
#include <map>
#include <optional>

#include <fmt/format.h>

#include "fovea/core/errors.h"
#include "fovea/formats/mapped_file.h"
#include "fovea/formats/pickle.h"
#include "fovea/formats/shards.h"
#include "fovea/formats/torch_state.h"
#include "fovea/formats/torch_tensors.h"
#include "fovea/formats/zip_archive.h"

namespace fovea::formats {

namespace {

using Kind = Pickle::Kind;
using Value = Pickle::Value;

// What torch.save writes beside the storages is not packed; this much may be, all the same.
constexpr uint64_t most_packed_pickle = uint64_t(64) << 20;

TorchFile parse_zip(
    std::span<const std::byte> file, const std::string& name, std::string_view key) {
  const ZipArchive zip(file, name);
  std::optional<std::string> root;  // "archive/"
  for (const std::string& entry : zip.names()) {
    if (entry.ends_with("/constants.pkl"))
      throw IoError(
          name, "is a TorchScript archive, which holds a program; save model.state_dict() instead");
    if (entry != "data.pkl" && !entry.ends_with("/data.pkl")) continue;
    if (root) throw IoError(name, "expected one data.pkl in the archive, got several");
    root = entry.substr(0, entry.size() - std::string_view("data.pkl").size());
  }
  if (!root) throw IoError(name, "expected a data.pkl in the archive; is it a file of torch.save?");
  if (zip.contains(*root + "byteorder")) {
    auto order = zip.begin(*root + "byteorder", 8);
    if (std::string_view(reinterpret_cast<const char*>(order.data()), order.size()) != "little")
      throw IoError(name, "was written on a big-endian machine, which is not read");
  }
  const std::string inner = name + ":" + *root + "data.pkl";
  if (uint64_t size = zip.size(*root + "data.pkl"); size > most_packed_pickle && size > file.size())
    throw IoError(
        inner,
        fmt::format(
            "would unpack to {} bytes, more than the file's {}: refused, it looks like a zip bomb",
            size,
            file.size()));
  const auto bytes = zip.read(*root + "data.pkl");
  const Pickle pickle =
      Pickle::parse(bytes, inner, {.globals = torch_globals, .advice = torch_advice});
  std::map<std::string, std::vector<std::byte>> storages;
  TorchTensors tensors(pickle, inner, [&](const StorageId& id) -> std::span<const std::byte> {
    const std::string entry = *root + "data/" + id.key;
    auto found = storages.find(id.key);
    id.check_size(found == storages.end() ? zip.size(entry) : found->second.size(), name);
    if (found == storages.end()) found = storages.emplace(id.key, zip.read(entry)).first;
    return found->second;
  });
  return read_state(tensors, key);
}

// Five pickles (magic number, protocol, the system, the object, the keys of the storages), then for
// each key the number of elements and the bytes.
TorchFile parse_stream(
    std::span<const std::byte> file, const std::string& name, std::string_view key) {
  constexpr std::string_view magic("\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19", 10);
  auto pickle_at = [&](size_t start) {
    return Pickle::parse(
        file,
        name,
        {.globals = torch_globals, .start = start, .more_follows = true, .advice = torch_advice});
  };
  const Pickle number = pickle_at(0);
  if (number.root().kind != Kind::big || number.root().text != magic)
    throw IoError(
        name, "expected the magic number of torch.save; is it a pickle of something else?", 0);
  const Pickle protocol = pickle_at(number.end());
  if (protocol.root().kind != Kind::integer || protocol.root().integer != 1001)
    throw IoError(name, "expected protocol 1001 of torch.save", number.end());
  const Pickle system = pickle_at(protocol.end());
  const Value* little = system.find(system.root(), "little_endian");
  if (little && little->integer == 0)
    throw IoError(name, "was written on a big-endian machine, which is not read", protocol.end());
  const Pickle object = pickle_at(system.end());
  const Pickle keys = pickle_at(object.end());
  if (keys.root().kind != Kind::list)
    throw IoError(name, "expected the list of the storages' keys", object.end());

  std::map<std::string, std::span<const std::byte>> storages;
  TorchTensors tensors(object, name, [&](const StorageId& id) {
    auto found = storages.find(id.key);
    if (found == storages.end()) throw IoError(name, fmt::format("holds no storage '{}'", id.key));
    id.check_size(found->second.size(), name);
    return found->second;
  });
  std::map<std::string, const StorageType*> types;
  for (const StorageId& id : tensors.storages()) types.emplace(id.key, id.type);
  size_t at = keys.end();
  for (uint32_t n : keys.root().items) {
    const std::string storage(keys[n].text);
    auto type = types.find(storage);
    if (type == types.end())
      throw IoError(name, fmt::format("has a storage '{}' that no tensor uses", storage), at);
    uint64_t elements = 0;
    if (file.size() - at < sizeof elements)
      throw IoError(name, fmt::format("the file is truncated before storage '{}'", storage), at);
    std::memcpy(&elements, file.data() + at, sizeof elements);
    at += sizeof elements;
    const size_t width = type->second->element.size;
    const uint64_t room = (file.size() - at) / width;
    if (elements > room)
      throw IoError(
          name,
          fmt::format(
              "the file is truncated: storage '{}' has {} elements, there is room for {}",
              storage,
              elements,
              room),
          at);
    const size_t size = elements * width;
    storages[storage] = file.subspan(at, size);
    at += size;
  }
  if (at != file.size()) throw IoError(name, "expected nothing behind the last storage", at);
  return read_state(tensors, key);
}

// A pickle of protocol 0 or 1, which torch.save never wrote: read as far as the name of what it
// would run, which is refused.
bool is_old_pickle(std::string_view text) {
  return text.size() > 1 && text.ends_with('.') &&
         std::string_view("(]}c").find(text[0]) != text.npos;
}

}  // namespace

bool may_be_torch(std::span<const std::byte> beginning) {
  const std::string_view text(reinterpret_cast<const char*>(beginning.data()), beginning.size());
  return text.starts_with("PK\x03\x04") || text.starts_with("\x80\x02\x8a\x0a");
}

TorchFile parse_torch(
    std::span<const std::byte> file, const std::string& name, std::string_view key) {
  const std::string_view text(reinterpret_cast<const char*>(file.data()), file.size());
  if (text.starts_with("PK")) return parse_zip(file, name, key);
  if (text.starts_with("\x80") || is_old_pickle(text)) return parse_stream(file, name, key);
  throw IoError(
      name,
      text.starts_with("version https://git-lfs")
          ? "is a Git LFS pointer: fetch the real file with `git lfs pull`"
          : "expected a file of torch.save: a zip archive or a stream of pickles",
      0);
}

TorchFile load_torch(const std::filesystem::path& path, std::string_view key) {
  auto read = [&](const std::filesystem::path& one) {
    MappedFile file(one);
    return parse_torch(file.bytes(), file.path(), key);
  };
  if (!path.string().ends_with(".index.json")) return read(path);
  TorchFile all;
  all.tensors = load_shards(path, [&](const std::filesystem::path& shard) {
    TorchFile file = read(shard);
    all.skipped.insert(all.skipped.end(), file.skipped.begin(), file.skipped.end());
    return std::move(file.tensors);
  });
  return all;
}

}  // namespace fovea::formats
