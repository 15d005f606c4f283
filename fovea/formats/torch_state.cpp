#include "fovea/formats/torch_state.h"

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "fovea/core/errors.h"
#include "fovea/core/text.h"

namespace fovea::formats {

namespace {

using Kind = Pickle::Kind;
using Value = Pickle::Value;

// The entries under which training programs keep the weights, beside epoch and optimiser.
constexpr std::string_view weight_keys[] = {
    "state_dict",
    "model_state_dict",
    "model",
    "net",
    "network",
    "weights",
    "params",
    "module",
    "model_ema",
    "state_dict_ema",
    "ema"};

constexpr int deepest = 4;  // dicts within dicts that are looked into

class State {
 public:
  explicit State(TorchTensors& tensors) : tensors_(tensors), pickle_(tensors.pickle()) {
    collect(pickle_.root(), "", 0);
  }

  TorchFile read(std::string_view key) {
    const Entry chosen = key.empty() ? choose() : at(key);
    TorchFile file;
    file.key = chosen.path;
    for (const Entry& e : entries_)
      if (e.dict != chosen.dict && !e.path.empty()) file.others.push_back(e.path);
    const Value& dict = *chosen.dict;
    for (size_t i = 0; i + 1 < dict.items.size(); i += 2) {
      const Value &k = item(dict, i), &value = item(dict, i + 1);
      if (k.kind != Kind::text) fail("expected names that are text in the dict of tensors");
      std::string name(k.text);
      if (tensors_.is_tensor(value))
        file.tensors.insert_or_assign(name, tensors_.make(value, name));
      else
        file.skipped.push_back(name);
    }
    return file;
  }

 private:
  struct Entry {
    std::string path;  // "model.state_dict"; empty: the whole file
    const Value* dict;
    size_t tensors;
  };

  [[noreturn]] void fail(const std::string& message) const {
    throw IoError(tensors_.name(), message);
  }
  const Value& item(const Value& of, size_t i) const { return pickle_[of.items[i]]; }

  size_t tensors_in(const Value& v) const {
    size_t n = 0;
    if (v.kind == Kind::dict)
      for (size_t i = 1; i < v.items.size(); i += 2) n += tensors_.is_tensor(item(v, i));
    return n;
  }

  // Every dict that holds tensors, but for an optimiser's state. A dict may contain itself.
  void collect(const Value& dict, const std::string& path, int depth) {
    if (dict.kind != Kind::dict || !seen_.insert(&dict).second) return;
    if (size_t n = tensors_in(dict)) entries_.push_back({path, &dict, n});
    if (depth == deepest) return;
    for (size_t i = 0; i + 1 < dict.items.size(); i += 2) {
      const Value& key = item(dict, i);
      if (key.kind != Kind::text || lower(std::string(key.text)).find("optim") != std::string::npos)
        continue;
      collect(
          item(dict, i + 1),
          path.empty() ? std::string(key.text) : fmt::format("{}.{}", path, key.text),
          depth + 1);
    }
  }

  Entry choose() const {
    for (std::string_view key : weight_keys)
      if (auto found = std::ranges::find(entries_, key, &Entry::path); found != entries_.end())
        return *found;
    const bool flat = !entries_.empty() && entries_[0].path.empty();
    const auto inner = std::span(entries_).subspan(flat ? 1 : 0);
    auto fewer = [&](const Entry& e) { return e.tensors < entries_[0].tensors; };
    if (flat && std::ranges::all_of(inner, fewer)) return entries_[0];
    if (inner.size() == 1) return inner[0];
    if (inner.empty())
      fail(fmt::format(
          "expected a dict of tensors, or one under \"state_dict\", \"model_state_dict\", "
          "\"model\" or the like; got {}",
          describe(pickle_.root())));
    fail(fmt::format(
        "holds tensors under {}; choose one with --key of `fovea convert`", names_of(inner)));
  }

  Entry at(std::string_view key) const {
    auto found = std::ranges::find(entries_, key, &Entry::path);
    if (found != entries_.end()) return *found;
    fail(fmt::format(
        "holds no tensors under \"{}\"; {}",
        printable(key),
        entries_.empty() ? fmt::format("got {}", describe(pickle_.root()))
                         : fmt::format("it has some under {}", names_of(entries_))));
  }

  static std::string names_of(std::span<const Entry> entries) {
    std::vector<std::string> names;
    for (const Entry& e : entries)
      names.push_back(e.path.empty() ? "no key" : fmt::format("\"{}\"", printable(e.path)));
    return list_of(names);
  }

  std::string describe(const Value& v) const {
    if (tensors_.is_tensor(v)) return "a tensor";
    if (v.kind == Kind::call) return "a " + std::string(item(v, 0).text);
    if (v.kind != Kind::dict) return "no dict";
    std::vector<std::string> keys;
    for (size_t i = 0; i < v.items.size(); i += 2)
      if (item(v, i).kind == Kind::text)
        keys.push_back(fmt::format("\"{}\"", printable(item(v, i).text)));
    return keys.empty() ? "an empty dict" : "a dict of " + list_of(keys, 16);
  }

  TorchTensors& tensors_;
  const Pickle& pickle_;
  std::set<const Value*> seen_;
  std::vector<Entry> entries_;  // outer ones first
};

}  // namespace

TorchFile read_state(TorchTensors& tensors, std::string_view key) {
  return State(tensors).read(key);
}

}  // namespace fovea::formats
