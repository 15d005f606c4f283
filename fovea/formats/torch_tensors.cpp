#include "fovea/formats/torch_tensors.h"

#include <algorithm>
#include <iterator>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "fovea/core/errors.h"

namespace fovea::formats {

namespace {

using Kind = Pickle::Kind;

constexpr std::string_view rebuild_tensor = "torch._utils _rebuild_tensor";
constexpr std::string_view rebuild_tensor_v2 = "torch._utils _rebuild_tensor_v2";
constexpr std::string_view rebuild_parameter = "torch._utils _rebuild_parameter";
constexpr std::string_view rebuild_with_state = "torch._utils _rebuild_parameter_with_state";
constexpr std::string_view rebuild_from_type = "torch._tensor _rebuild_from_type_v2";

// All of it is data here: nothing of this is called.
constexpr std::string_view globals[] = {
    rebuild_tensor,
    rebuild_tensor_v2,
    rebuild_parameter,
    rebuild_with_state,
    rebuild_from_type,
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
    "torch Tensor",
    "torch.nn.parameter Parameter",
    "torch.nn.parameter Buffer",
    "torch Size",
    "torch device",
    "torch float32",
    "torch float64",
    "torch float16",
    "torch bfloat16",
    "torch uint8",
    "torch int8",
    "torch int16",
    "torch int32",
    "torch int64",
    "torch bool",
    "torch complex64",
    "torch complex128",
    "collections OrderedDict",
    "collections defaultdict",
    "collections Counter",
    "collections deque",
    "__builtin__ dict",
    "__builtin__ list",
    "__builtin__ set",
    "__builtin__ frozenset",
    "__builtin__ complex",
    "__builtin__ bytearray",
    "builtins dict",
    "builtins list",
    "builtins set",
    "builtins frozenset",
    "builtins complex",
    "builtins bytearray",
    "_codecs encode",
    "argparse Namespace",
    "pathlib Path",
    "pathlib PosixPath",
    "pathlib WindowsPath",
    "pathlib._local PosixPath",
    "pathlib._local WindowsPath",
    "numpy dtype",
    "numpy ndarray",
    "numpy.core.multiarray scalar",
    "numpy.core.multiarray _reconstruct",
    "numpy._core.multiarray scalar",
    "numpy._core.multiarray _reconstruct",
};

constexpr std::pair<std::string_view, std::string_view> advices[] = {
    {"torch._utils _rebuild_sparse_tensor", "; save sparse tensors as t.to_dense()"},
    {"torch._utils _rebuild_sparse_csr_tensor", "; save sparse tensors as t.to_dense()"},
    {"torch._utils _rebuild_qtensor", "; save quantised tensors as t.dequantize()"},
    {"torch._utils _rebuild_tensor_v3", "; save such tensors as t.float() or t.int()"},
    {"torch._utils _rebuild_meta_tensor_no_storage", "; a tensor on the device meta has no values"},
    {"torch ComplexFloatStorage", "; save complex tensors as torch.view_as_real(t)"},
    {"torch ComplexDoubleStorage", "; save complex tensors as torch.view_as_real(t)"},
};

constexpr StorageType storage_types[] = {
    {"torch FloatStorage", {4, Dtype::f32}},
    {"torch DoubleStorage", {8, Dtype::f64}},
    {"torch HalfStorage", {2, Dtype::f16}},
    {"torch BFloat16Storage", {2, Dtype::bf16}},
    {"torch CharStorage", {1, Dtype::i8}},
    {"torch ByteStorage", {1, Dtype::u8}},
    {"torch ShortStorage", {2, Dtype::i32}},
    {"torch IntStorage", {4, Dtype::i32}},
    {"torch LongStorage", {8, Dtype::i64}},
    {"torch BoolStorage", {1, Dtype::boolean}},
};

// Tensors that show their storages again and again must not take memory without end.
constexpr uint64_t most_views = 16, free_views = 1 << 20;

}  // namespace

const std::span<const std::string_view> torch_globals = globals;

std::string_view torch_advice(std::string_view global) {
  auto known = std::ranges::find(advices, global, [](const auto& a) { return a.first; });
  return known != std::end(advices)
             ? known->second
             : "; where the file holds a whole module, save its weights alone: "
               "torch.save(model.state_dict(), ...)";
}

void StorageId::check_size(uint64_t bytes, const std::string& file) const {
  const size_t size = type->element.size;
  if (bytes % size != 0 || bytes / size != numel)
    throw IoError(
        file,
        fmt::format(
            "storage '{}': expected {} elements of {} bytes, got {} bytes",
            key,
            numel,
            size,
            bytes));
}

void TorchTensors::fail(const std::string& message) const { throw IoError(name_, message); }

std::optional<TorchTensors::Call> TorchTensors::call_of(const Value& v) const {
  const Value* value = &v;
  for (int depth = 0; depth < 4 && value->kind == Kind::call; ++depth) {
    const std::string_view function = item(*value, 0).text;
    const Value* arguments = &item(*value, 1);
    auto call = [&](std::string_view f, const Value* of) -> std::optional<Call> {
      if (f != rebuild_tensor && f != rebuild_tensor_v2) return {};
      return Call{f == rebuild_tensor_v2, of};
    };
    if (auto found = call(function, arguments)) return found;
    if (arguments->items.empty()) return {};
    if (function == rebuild_from_type) {  // (function, type, arguments, state)
      if (arguments->items.size() < 3 || item(*arguments, 2).kind != Kind::tuple) return {};
      const std::string_view inner = item(*arguments, 0).text;
      arguments = &item(*arguments, 2);
      if (auto found = call(inner, arguments)) return found;
      if (arguments->items.empty() || (inner != rebuild_parameter && inner != rebuild_with_state))
        return {};
    } else if (function != rebuild_parameter && function != rebuild_with_state) {
      return {};
    }
    value = &item(*arguments, 0);
  }
  return {};
}

uint64_t TorchTensors::whole(const Value& v) const {
  if (v.kind != Kind::integer || v.integer < 0)
    fail("expected whole numbers from 0 on for sizes and offsets of tensors");
  return uint64_t(v.integer);
}

StorageId TorchTensors::storage_id(const Value& v) const {
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

std::vector<StorageId> TorchTensors::storages() const {
  std::vector<StorageId> ids;
  for (uint32_t i = 0; i < pickle_.size(); ++i)
    if (pickle_[i].kind == Kind::persistent) ids.push_back(storage_id(pickle_[i]));
  return ids;
}

std::vector<uint64_t> TorchTensors::extents(const Value& v, const std::string& name) const {
  if (v.kind != Kind::tuple || v.items.size() > size_t(Shape::max_rank))
    fail(fmt::format("tensor '{}': expected at most {} sizes and strides", name, Shape::max_rank));
  std::vector<uint64_t> all;
  for (size_t i = 0; i < v.items.size(); ++i) all.push_back(whole(item(v, i)));
  return all;
}

// The metadata of version 2 tells of views whose numbers are not those of the storage.
void TorchTensors::check_view(const Call& call, const std::string& name) const {
  if (!call.metadata || call.arguments->items.size() < 7) return;
  const Value& metadata = item(*call.arguments, 6);
  for (std::string_view view : {"neg", "conj"})
    if (const Value* is = pickle_.find(metadata, view); is && is->integer != 0)
      fail(fmt::format(
          "tensor '{}' is a view of another sign ('{}'); save it as t.resolve_{}()",
          name,
          view,
          view));
}

void TorchTensors::check_memory(
    uint64_t bytes, const StorageId& id, uint64_t storage, const std::string& name) {
  uint64_t& fetched = fetched_[id.key];
  storage_total_ += storage - std::min(storage, fetched);
  fetched = std::max(fetched, storage);
  if (__builtin_add_overflow(total_, bytes, &total_) ||
      total_ > most_views * storage_total_ + free_views)
    fail(fmt::format(
        "tensor '{}': the tensors take {} bytes of memory, their storages only {}; save expanded "
        "ones with .contiguous()",
        name,
        total_,
        storage_total_));
}

Tensor TorchTensors::make(const Value& v, const std::string& name) {
  const std::optional<Call> call = call_of(v);
  FOVEA_ASSERT(call);
  const Value& arguments = *call->arguments;
  if (arguments.items.size() < 4 || item(arguments, 0).kind != Kind::persistent)
    fail(fmt::format("tensor '{}': expected a storage, an offset, sizes and strides", name));
  check_view(*call, name);
  const StorageId id = storage_id(item(arguments, 0));
  const Element& element = id.type->element;
  const uint64_t offset = whole(item(arguments, 1));
  const auto sizes = extents(item(arguments, 2), name), strides = extents(item(arguments, 3), name);
  if (sizes.size() != strides.size())
    fail(fmt::format(
        "tensor '{}': expected a stride for each of {} sizes, got {}",
        name,
        sizes.size(),
        strides.size()));
  Key key(id.key, id.type, id.offset, offset, sizes, strides);
  if (auto known = made_.find(key); known != made_.end()) return known->second;
  const std::span<const std::byte> bytes = fetch_(id);
  const uint64_t elements = bytes.size() / element.size;

  // The last element that the strides reach, all in 64 bits.
  uint64_t numel = 1, last = offset, size = 0;
  bool overflow = __builtin_add_overflow(last, id.offset, &last);
  const uint64_t first = last;
  for (size_t i = 0; i < sizes.size(); ++i) {
    uint64_t reach = 0;
    overflow |= __builtin_mul_overflow(numel, sizes[i], &numel);
    if (sizes[i] == 0) continue;
    overflow |= __builtin_mul_overflow(sizes[i] - 1, strides[i], &reach);
    overflow |= __builtin_add_overflow(last, reach, &last);
  }
  overflow |= __builtin_mul_overflow(numel, size_of(element.dtype), &size);
  if (overflow || (numel > 0 && last >= elements))
    fail(fmt::format(
        "tensor '{}' of sizes ({}), strides ({}) and offset {} leaves its storage of {} elements",
        name,
        fmt::join(sizes, ", "),
        fmt::join(strides, ", "),
        offset,
        elements));
  check_memory(size, id, bytes.size(), name);
  Tensor t = read_strided(bytes, element, sizes, strides, first);
  check_bools(t, name);
  made_.emplace(std::move(key), t);
  return t;
}

void TorchTensors::check_bools(const Tensor& t, const std::string& name) const {
  if (t.dtype() != Dtype::boolean) return;
  for (std::byte b : t.bytes())
    if (b > std::byte(1))
      fail(fmt::format("tensor '{}': expected bools of 0 or 1, got {}", name, int(b)));
}

}  // namespace fovea::formats
