#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "fovea/formats/pickle.h"
#include "fovea/formats/strided.h"

// How torch.save writes tensors into a pickle: calls of rebuilding functions, none of which is run,
// on storages that lie outside of it.
namespace fovea::formats {

// The names that may stand in a checkpoint, and what to do about others.
extern const std::span<const std::string_view> torch_globals;
std::string_view torch_advice(std::string_view global);

struct StorageType {
  std::string_view global;
  Element element;
};

// What a persistent id says of a storage: ("storage", type, key, place, elements), and in streams
// of pickles one entry more: none, or the (key, offset, elements) of a view.
struct StorageId {
  const StorageType* type;
  std::string key;
  uint64_t numel;
  uint64_t offset = 0;  // in elements, of a view

  // Throws IoError for `file` unless `bytes` is the size of the storage.
  void check_size(uint64_t bytes, const std::string& file) const;
};

class TorchTensors {
 public:
  // The bytes of all of a storage, which `id` describes.
  using Fetch = std::function<std::span<const std::byte>(const StorageId& id)>;

  // `name` stands for the path in errors.
  TorchTensors(const Pickle& pickle, const std::string& name, Fetch fetch)
      : pickle_(pickle), name_(name), fetch_(std::move(fetch)) {}

  const Pickle& pickle() const { return pickle_; }
  const std::string& name() const { return name_; }

  // Whether it is a tensor, or a parameter or buffer around one.
  bool is_tensor(const Pickle::Value& v) const { return call_of(v).has_value(); }

  // Throws IoError, saying `name`, where it leaves its storage or is of a kind that is not read.
  Tensor make(const Pickle::Value& v, const std::string& name);

  // Of every persistent id in the pickle.
  std::vector<StorageId> storages() const;

 private:
  using Value = Pickle::Value;
  struct Call {
    bool metadata;           // whether the arguments may end in the metadata of version 2
    const Value* arguments;  // storage, offset, sizes, strides, ...
  };

  [[noreturn]] void fail(const std::string& message) const;
  const Value& item(const Value& of, size_t i) const { return pickle_[of.items[i]]; }
  std::optional<Call> call_of(const Value& v) const;
  uint64_t whole(const Value& v) const;
  StorageId storage_id(const Value& v) const;
  std::vector<uint64_t> extents(const Value& v, const std::string& name) const;
  void check_view(const Call& call, const std::string& name) const;
  void check_memory(uint64_t bytes, const StorageId& id, uint64_t storage, const std::string& name);
  void check_bools(const Tensor& t, const std::string& name) const;

  using Key = std::tuple<
      std::string,
      const StorageType*,
      uint64_t,
      uint64_t,
      std::vector<uint64_t>,
      std::vector<uint64_t>>;

  const Pickle& pickle_;
  const std::string name_;
  Fetch fetch_;
  std::map<Key, Tensor> made_;
  std::map<std::string, uint64_t> fetched_;
  uint64_t total_ = 0, storage_total_ = 0;
};

}  // namespace fovea::formats
