#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace fovea::formats {

// A Python pickle read as data: what it would call is written down and never run. Protocol 2 with
// the opcodes that Python 2 wrote for numbers, strings, lists, tuples, dicts and NumPy arrays; any
// other opcode is refused by its name.
class Pickle {
 public:
  enum class Kind : uint8_t { none, boolean, integer, text, list, tuple, dict, global, call };
  struct Value {
    Kind kind = Kind::none;
    int64_t integer = 0;         // of an integer or boolean
    std::string_view text = {};  // of a string, as bytes of the file; a global is "module name"
    // Numbers of other values: elements; keys and values by turns; for a call what it calls, the
    // tuple of arguments and, where it has one, the state.
    std::vector<uint32_t> items = {};
  };

  // `globals` are the names that may stand in the file, as "module name". The values point into
  // `file` and `globals`. Throws IoError with the offset for anything else; `name` stands for the
  // path.
  static Pickle parse(
      std::span<const std::byte> file,
      const std::string& name,
      std::span<const std::string_view> globals);

  const Value& root() const { return values_.back(); }
  const Value& operator[](uint32_t number) const { return values_[number]; }
  size_t size() const { return values_.size(); }

  // The value of a key of a dict, or null; a later one of the same name counts.
  const Value* find(const Value& dict, std::string_view key) const;

 private:
  friend class PickleReader;
  std::vector<Value> values_;  // the last is the root
};

}  // namespace fovea::formats
