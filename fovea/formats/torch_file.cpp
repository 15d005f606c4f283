#include "fovea/formats/torch_file.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <tuple>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "fovea/core/errors.h"
#include "fovea/formats/mapped_file.h"
#include "fovea/formats/pickle.h"
#include "fovea/formats/shards.h"
#include "fovea/formats/zip_archive.h"

static_assert(std::endian::native == std::endian::little, "storages are little-endian");

namespace fovea::formats {

namespace {

using Kind = Pickle::Kind;
using Value = Pickle::Value;

constexpr std::string_view rebuild_tensor = "torch._utils _rebuild_tensor";
constexpr std::string_view rebuild_tensor_v2 = "torch._utils _rebuild_tensor_v2";
constexpr std::string_view rebuild_parameter = "torch._utils _rebuild_parameter";

// What may stand in a checkpoint. All of it is data here: nothing of this is called.
constexpr std::string_view globals[] = {
    rebuild_tensor,
    rebuild_tensor_v2,
    rebuild_parameter,
    "torch FloatStorage",
    "torch DoubleStorage",
    "torch HalfStorage",
    "torch BFloat16Storage",
    "torch CharStorage",
    "torch ByteStorage",
    "torch ShortStorage",
    "torch IntStorage",
    "torch LongStorage",
    "torch BoolStorage",
    "torch Size",
    "torch device",
    "torch float32",
    "torch float64",
    "torch float16",
    "torch bfloat16",
    "torch int64",
    "collections OrderedDict",
    "collections defaultdict",
    "collections Counter",
    "__builtin__ dict",
    "__builtin__ list",
    "__builtin__ set",
    "builtins dict",
    "builtins list",
    "builtins set",
    "_codecs encode",
    "argparse Namespace",
    "numpy dtype",
    "numpy ndarray",
    "numpy.core.multiarray scalar",
    "numpy.core.multiarray _reconstruct",
    "numpy._core.multiarray scalar",
    "numpy._core.multiarray _reconstruct",
};
constexpr std::string_view advice =
    "; where the file holds a whole module, save its weights alone: torch.save(model.state_dict(), "
    "...)";

// The entries under which training programs keep the weights, beside epoch and optimiser.
constexpr std::string_view weight_keys[] = {
    "state_dict", "model_state_dict", "model", "net", "network", "weights", "params"};

struct StorageType {
  std::string_view global;
  size_t size;  // bytes of an element
  Dtype dtype;
};
constexpr StorageType storage_types[] = {
    {"torch FloatStorage", 4, Dtype::f32},
    {"torch DoubleStorage", 8, Dtype::f64},
    {"torch HalfStorage", 2, Dtype::f16},
    {"torch BFloat16Storage", 2, Dtype::bf16},
    {"torch CharStorage", 1, Dtype::i8},
    {"torch ByteStorage", 1, Dtype::u8},
    {"torch ShortStorage", 2, Dtype::i32},
    {"torch IntStorage", 4, Dtype::i32},
    {"torch LongStorage", 8, Dtype::i64},
    {"torch BoolStorage", 1, Dtype::boolean},
};

struct Storage {
  const StorageType* type = nullptr;
  std::span<const std::byte> bytes;
};

// What a persistent id says of a storage: ("storage", type, key, place, elements), and in streams
// of pickles one entry more: none, or the (key, offset, elements) of a view.
struct StorageId {
  const StorageType* type;
  std::string key;
  uint64_t numel;
  uint64_t offset = 0;  // in elements, of a view
};

class Reader {
 public:
  // The bytes of all of a storage, which `id` describes.
  using Fetch = std::function<std::span<const std::byte>(const StorageId& id)>;

  Reader(const Pickle& pickle, const std::string& name, Fetch fetch)
      : pickle_(pickle), name_(name), fetch_(std::move(fetch)) {}

  TorchFile read() {
    TorchFile file;
    const Value* dict = &pickle_.root();
    if (dict->kind == Kind::dict && !holds_tensors(*dict))
      for (std::string_view key : weight_keys) {
        const Value* inner = pickle_.find(*dict, key);
        if (!inner || !holds_tensors(*inner)) continue;
        dict = inner;
        file.key = key;
        break;
      }
    if (!holds_tensors(*dict))
      fail(fmt::format(
          "expected a dict of tensors, or one under {}; got {}",
          "\"state_dict\", \"model_state_dict\", \"model\" or the like",
          describe(pickle_.root())));
    for (size_t i = 0; i + 1 < dict->items.size(); i += 2) {
      const Value &key = item(*dict, i), &value = item(*dict, i + 1);
      if (key.kind != Kind::text) fail("expected names that are text in the dict of tensors");
      std::string name(key.text);
      if (is_tensor(value))
        file.tensors.insert_or_assign(name, tensor(value, name));
      else
        file.skipped.push_back(name);
    }
    return file;
  }

  // Of every persistent id in the pickle.
  std::vector<StorageId> storages() const {
    std::vector<StorageId> ids;
    for (uint32_t i = 0; i < pickle_.size(); ++i)
      if (pickle_[i].kind == Kind::persistent) ids.push_back(storage_id(pickle_[i]));
    return ids;
  }

 private:
  [[noreturn]] void fail(const std::string& message) const { throw IoError(name_, message); }

  const Value& item(const Value& of, size_t i) const { return pickle_[of.items[i]]; }

  bool calls(const Value& v, std::string_view global) const {
    return v.kind == Kind::call && item(v, 0).text == global;
  }
  bool is_parameter(const Value& v) const {
    return calls(v, rebuild_parameter) && !item(v, 1).items.empty();
  }
  bool is_tensor(const Value& v) const {
    const Value& inner = is_parameter(v) ? item(item(v, 1), 0) : v;
    return calls(inner, rebuild_tensor) || calls(inner, rebuild_tensor_v2);
  }
  bool holds_tensors(const Value& v) const {
    if (v.kind != Kind::dict) return false;
    for (size_t i = 1; i < v.items.size(); i += 2)
      if (is_tensor(item(v, i))) return true;
    return false;
  }

  std::string describe(const Value& v) const {
    if (v.kind == Kind::call) return "a " + std::string(item(v, 0).text);
    if (is_tensor(v)) return "a tensor";
    if (v.kind != Kind::dict) return "no dict";
    std::string keys;
    for (size_t i = 0; i < v.items.size() && i < 16; i += 2)
      if (item(v, i).kind == Kind::text)
        keys += fmt::format("{}\"{}\"", keys.empty() ? "" : ", ", item(v, i).text);
    return keys.empty() ? "an empty dict" : "a dict of " + keys;
  }

  uint64_t whole(const Value& v) const {
    if (v.kind != Kind::integer || v.integer < 0)
      fail("expected whole numbers from 0 on for sizes and offsets of tensors");
    return uint64_t(v.integer);
  }

  StorageId storage_id(const Value& v) const {
    const Value& t = item(v, 0);
    if (t.kind != Kind::tuple || t.items.size() < 5 || item(t, 0).text != "storage" ||
        item(t, 2).kind != Kind::text)
      fail("expected a storage (\"storage\", type, key, place, elements) behind a tensor");
    auto type = std::ranges::find(storage_types, item(t, 1).text, &StorageType::global);
    if (type == std::end(storage_types))
      fail(fmt::format("storages of '{}' are not supported", item(t, 1).text));
    StorageId id{type, std::string(item(t, 2).text), whole(item(t, 4))};
    if (t.items.size() > 5 && item(t, 5).kind == Kind::tuple && item(t, 5).items.size() == 3)
      id.offset = whole(item(item(t, 5), 1));
    return id;
  }

  std::vector<uint64_t> extents(const Value& v, const std::string& name) const {
    if (v.kind != Kind::tuple || v.items.size() > size_t(Shape::max_rank))
      fail(
          fmt::format("tensor '{}': expected at most {} sizes and strides", name, Shape::max_rank));
    std::vector<uint64_t> all;
    for (size_t i = 0; i < v.items.size(); ++i) all.push_back(whole(item(v, i)));
    return all;
  }

  Tensor tensor(const Value& value, const std::string& name) {
    const Value& call = is_parameter(value) ? item(item(value, 1), 0) : value;
    const Value& arguments = item(call, 1);
    if (arguments.items.size() < 4 || item(arguments, 0).kind != Kind::persistent)
      fail(fmt::format("tensor '{}': expected a storage, an offset, sizes and strides", name));
    const StorageId id = storage_id(item(arguments, 0));
    uint64_t offset = whole(item(arguments, 1));
    const auto sizes = extents(item(arguments, 2), name),
               strides = extents(item(arguments, 3), name);
    if (sizes.size() != strides.size())
      fail(fmt::format(
          "tensor '{}': expected a stride for each of {} sizes, got {}",
          name,
          sizes.size(),
          strides.size()));
    auto key = std::tuple(id.key, id.type, id.offset, offset, sizes, strides);
    if (auto known = made_.find(key); known != made_.end()) return known->second;
    const std::span<const std::byte> bytes = fetch_(id);
    const uint64_t elements = bytes.size() / id.type->size;

    // The last element that the strides reach, all in 64 bits.
    uint64_t numel = 1, last = offset;
    bool overflow = __builtin_add_overflow(last, id.offset, &last);
    const uint64_t first = last;
    for (size_t i = 0; i < sizes.size(); ++i) {
      uint64_t reach = 0;
      overflow |= __builtin_mul_overflow(numel, sizes[i], &numel);
      if (sizes[i] == 0) continue;
      overflow |= __builtin_mul_overflow(sizes[i] - 1, strides[i], &reach);
      overflow |= __builtin_add_overflow(last, reach, &last);
    }
    if (overflow || (numel > 0 && last >= elements))
      fail(fmt::format(
          "tensor '{}' of sizes ({}), strides ({}) and offset {} leaves its storage of {} elements",
          name,
          fmt::join(sizes, ", "),
          fmt::join(strides, ", "),
          offset,
          elements));
    if (numel > elements)
      fail(fmt::format(
          "tensor '{}' shows {} elements of memory as {}; save it with .contiguous()",
          name,
          elements,
          numel));
    // Many names for one storage must not take memory without end.
    total_ += numel * id.type->size;
    if (fetched_.insert({id.key, bytes.size()}).second) storage_total_ += bytes.size();
    if (total_ > 16 * storage_total_ + (1 << 20))
      fail(fmt::format(
          "tensor '{}': the tensors take {} bytes of memory, their storages only {}",
          name,
          total_,
          storage_total_));
    Tensor t = copy(bytes, *id.type, sizes, strides, first);
    check_bools(t, name);
    made_.emplace(std::move(key), t);
    return t;
  }

  static Tensor copy(
      std::span<const std::byte> bytes,
      const StorageType& type,
      const std::vector<uint64_t>& sizes,
      const std::vector<uint64_t>& strides,
      uint64_t first) {
    Shape shape;
    for (uint64_t s : sizes) shape.push_back(int64_t(s));
    Tensor t = Tensor::empty(shape, type.dtype);
    std::byte* out = t.mutable_bytes().data();
    const size_t width = size_of(type.dtype);
    std::vector<uint64_t> index(sizes.size(), 0);
    uint64_t at = first;
    for (int64_t i = 0; i < t.numel(); ++i) {
      const std::byte* from = bytes.data() + at * type.size;
      if (width == type.size) {
        std::memcpy(out, from, width);
      } else {  // int16
        int16_t narrow;
        std::memcpy(&narrow, from, 2);
        const int32_t wide = narrow;
        std::memcpy(out, &wide, 4);
      }
      out += width;
      for (size_t axis = sizes.size(); axis > 0; --axis) {
        at += strides[axis - 1];
        if (++index[axis - 1] < sizes[axis - 1]) break;
        at -= strides[axis - 1] * sizes[axis - 1];
        index[axis - 1] = 0;
      }
    }
    return t;
  }

  void check_bools(const Tensor& t, const std::string& name) const {
    if (t.dtype() != Dtype::boolean) return;
    for (std::byte b : t.bytes())
      if (b > std::byte(1))
        fail(fmt::format("tensor '{}': expected bools of 0 or 1, got {}", name, int(b)));
  }

  using Key = std::tuple<
      std::string,
      const StorageType*,
      uint64_t,
      uint64_t,
      std::vector<uint64_t>,
      std::vector<uint64_t>>;

  const Pickle& pickle_;
  const std::string& name_;
  Fetch fetch_;
  std::map<Key, Tensor> made_;
  std::map<std::string, size_t> fetched_;
  uint64_t total_ = 0, storage_total_ = 0;
};

void check_storage(const StorageId& id, std::span<const std::byte> bytes, const std::string& name) {
  if (bytes.size() % id.type->size != 0 || bytes.size() / id.type->size != id.numel)
    throw IoError(
        name,
        fmt::format(
            "storage '{}': expected {} elements of {} bytes, got {} bytes",
            id.key,
            id.numel,
            id.type->size,
            bytes.size()));
}

TorchFile parse_zip(std::span<const std::byte> file, const std::string& name) {
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
    auto order = zip.read(*root + "byteorder");
    if (std::string_view(reinterpret_cast<const char*>(order.data()), order.size()) != "little")
      throw IoError(name, "was written on a big-endian machine, which is not read");
  }
  const auto bytes = zip.read(*root + "data.pkl");
  const std::string inner = name + ":" + *root + "data.pkl";
  const Pickle pickle = Pickle::parse(bytes, inner, {.globals = globals, .advice = advice});
  std::map<std::string, std::vector<std::byte>> storages;
  return Reader(
             pickle,
             inner,
             [&](const StorageId& id) -> std::span<const std::byte> {
               auto found = storages.find(id.key);
               if (found == storages.end())
                 found = storages.emplace(id.key, zip.read(*root + "data/" + id.key)).first;
               check_storage(id, found->second, name);
               return found->second;
             })
      .read();
}

// Five pickles (magic number, protocol, the system, the object, the keys of the storages), then for
// each key the number of elements and the bytes.
TorchFile parse_stream(std::span<const std::byte> file, const std::string& name) {
  constexpr std::string_view magic("\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19", 10);
  auto pickle_at = [&](size_t start) {
    return Pickle::parse(
        file, name, {.globals = globals, .start = start, .more_follows = true, .advice = advice});
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
  Reader reader(object, name, [&](const StorageId& id) {
    auto found = storages.find(id.key);
    if (found == storages.end()) throw IoError(name, fmt::format("holds no storage '{}'", id.key));
    check_storage(id, found->second, name);
    return found->second;
  });
  std::map<std::string, const StorageType*> types;
  for (const StorageId& id : reader.storages()) types.emplace(id.key, id.type);
  size_t at = keys.end();
  for (uint32_t n : keys.root().items) {
    const std::string key(keys[n].text);
    auto type = types.find(key);
    if (type == types.end())
      throw IoError(name, fmt::format("has a storage '{}' that no tensor uses", key), at);
    uint64_t elements = 0;
    if (file.size() - at < sizeof elements)
      throw IoError(name, fmt::format("the file is truncated before storage '{}'", key), at);
    std::memcpy(&elements, file.data() + at, sizeof elements);
    at += sizeof elements;
    const uint64_t room = (file.size() - at) / type->second->size;
    if (elements > room)
      throw IoError(
          name,
          fmt::format(
              "the file is truncated: storage '{}' has {} elements, there is room for {}",
              key,
              elements,
              room),
          at);
    const size_t size = elements * type->second->size;
    storages[key] = file.subspan(at, size);
    at += size;
  }
  if (at != file.size()) throw IoError(name, "expected nothing behind the last storage", at);
  return reader.read();
}

}  // namespace

TorchFile parse_torch(std::span<const std::byte> file, const std::string& name) {
  const std::string_view text(reinterpret_cast<const char*>(file.data()), file.size());
  if (text.starts_with("PK")) return parse_zip(file, name);
  if (text.starts_with("\x80")) return parse_stream(file, name);
  throw IoError(
      name,
      text.starts_with("version https://git-lfs")
          ? "is a Git LFS pointer: fetch the real file with `git lfs pull`"
          : "expected a file of torch.save: a zip archive or a stream of pickles",
      0);
}

TorchFile load_torch(const std::filesystem::path& path) {
  auto read = [](const std::filesystem::path& one) {
    MappedFile file(one);
    return parse_torch(file.bytes(), file.path());
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
