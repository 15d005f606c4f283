#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace fovea::formats {

// A Python pickle read as data: what it would call is written down and never run. Protocols 2 to 5
// with the opcodes that Python writes for numbers, strings, bytes, lists, sets, tuples, dicts,
// NumPy arrays and PyTorch's tensors, and of protocols 0 and 1 as much as names what they would
// call; any other opcode is refused by its name.
class Pickle {
 public:
  enum class Kind : uint8_t {
    none,
    boolean,
    integer,
    big,  // an integer of more than 64 bits
    real,
    text,  // a string, or bytes
    list,  // a set or deque too
    tuple,
    dict,  // collections.OrderedDict too
    global,
    call,
    persistent,  // a reference to something outside of the pickle
  };
  struct Value {
    Kind kind = Kind::none;
    int64_t integer = 0;  // of an integer or boolean
    double real = 0;
    // Of a string, as bytes of the file; a global is "module name"; of a big integer its bytes,
    // the lowest first.
    std::string_view text = {};
    // Numbers of other values: elements; keys and values by turns; for a call what it calls, the
    // tuple of arguments and, where it has one, the state; for a persistent what names it. A value
    // may contain itself.
    std::vector<uint32_t> items = {};
  };

  struct Options {
    std::span<const std::string_view> globals;  // that may stand in the file, as "module name"
    size_t start = 0;                           // where in the file the pickle begins
    bool more_follows = false;                  // the file may go on behind it
    // What to add when another global is refused.
    std::string_view (*advice)(std::string_view global) = nullptr;
  };

  // The values point into `file` and `globals`. Throws IoError with the offset for anything that is
  // not as it should be; `name` stands for the path.
  static Pickle parse(
      std::span<const std::byte> file, const std::string& name, const Options& options);

  size_t end() const { return end_; }  // the offset in the file behind the pickle
  const Value& root() const { return values_.back(); }
  const Value& operator[](uint32_t number) const { return values_[number]; }
  size_t size() const { return values_.size(); }

  // The value of a key of a dict, or null; a later one of the same name counts.
  const Value* find(const Value& dict, std::string_view key) const;

 private:
  friend class PickleReader;
  std::vector<Value> values_;  // the last is the root
  size_t end_ = 0;
};

}  // namespace fovea::formats
