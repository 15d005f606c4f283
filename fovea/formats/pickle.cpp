#include "fovea/formats/pickle.h"

#include <algorithm>
#include <bit>
#include <map>

#include <fmt/format.h>

#include "fovea/core/errors.h"
#include "fovea/core/text.h"

namespace fovea::formats {

namespace {

using Kind = Pickle::Kind;

constexpr size_t max_values = 1'000'000;
constexpr const char* not_a_pickle = "expected a pickle of protocol 2 to 5";

// Calls that only make a dict, or a list that is filled later.
bool makes_dict(std::string_view global) {
  return global == "collections OrderedDict" || global == "collections defaultdict";
}
bool makes_list(std::string_view global) { return global == "collections deque"; }

// The opcodes that are not read, for the message that refuses them.
struct Refused {
  uint8_t code;
  std::string_view name;
};
constexpr Refused refused[] = {
    {'0', "POP"},
    {'1', "POP_MARK"},
    {'2', "DUP"},
    {'F', "FLOAT"},
    {'I', "INT"},
    {'L', "LONG"},
    {'P', "PERSID"},
    {'S', "STRING"},
    {'V', "UNICODE"},
    {'d', "DICT"},
    {'g', "GET"},
    {'i', "INST"},
    {'l', "LIST"},
    {'o', "OBJ"},
    {'p', "PUT"},
    {0x82, "EXT1"},
    {0x83, "EXT2"},
    {0x84, "EXT4"},
    {0x8b, "LONG4"},
    {0x92, "NEWOBJ_EX"},
    {0x96, "BYTEARRAY8"},
    {0x97, "NEXT_BUFFER"},
    {0x98, "READONLY_BUFFER"},
};

}  // namespace

// The stack machine of Python's pickletools.py, with numbers of values on its stack.
class PickleReader {
 public:
  PickleReader(
      std::span<const std::byte> file, const std::string& name, const Pickle::Options& options)
      : file_(reinterpret_cast<const char*>(file.data()), file.size()),
        name_(name),
        options_(options),
        at_(options.start),
        opcode_(options.start) {}

  Pickle read() {
    const std::string_view rest = file_.substr(std::min(at_, file_.size()));
    if (rest.size() < 2 || (rest[0] == '\x80' && (rest[1] < 2 || rest[1] > 5))) fail(not_a_pickle);
    old_ = rest[0] != '\x80';
    if (!old_) at_ += 2;
    for (;;) {
      opcode_ = at_;
      auto code = uint8_t(take(1)[0]);
      if (code == '.') break;
      run(code);
    }
    if (old_) fail(not_a_pickle);
    if (stack_.size() != 1 || !marks_.empty()) fail("expected one value at the end");
    if (at_ != file_.size() && !options_.more_follows)
      fail("expected nothing after the end of the pickle");
    pickle_.end_ = at_;
    // So that the root is the last.
    push(Pickle::Value(value(stack_[0])));
    return std::move(pickle_);
  }

 private:
  [[noreturn]] void fail(const std::string& message) const {
    throw IoError(name_, message, opcode_);
  }

  std::string_view take(size_t count) {
    if (count > file_.size() - at_)
      fail(fmt::format("truncated: expected {} more bytes, got {}", count, file_.size() - at_));
    at_ += count;
    return file_.substr(at_ - count, count);
  }
  uint64_t number(size_t bytes) {  // little-endian
    uint64_t n = 0;
    size_t shift = 0;
    for (char c : take(bytes)) {
      n |= uint64_t(uint8_t(c)) << shift;
      shift += 8;
    }
    return n;
  }
  double real() {  // big-endian
    uint64_t n = 0;
    for (char c : take(8)) n = n << 8 | uint8_t(c);
    return std::bit_cast<double>(n);
  }
  void long_integer() {  // two's complement
    size_t size = number(1);
    if (size > 8) return push({.kind = Kind::big, .text = take(size)});
    uint64_t n = number(size);
    if (size > 0 && size < 8 && n >> (8 * size - 1)) n |= ~uint64_t(0) << 8 * size;
    push({.kind = Kind::integer, .integer = int64_t(n)});
  }
  std::string_view line() {
    size_t end = file_.find('\n', at_);
    if (end == std::string_view::npos) fail("truncated: expected the end of a name");
    std::string_view text = take(end - at_);
    take(1);
    return text;
  }

  Pickle::Value& value(uint32_t n) { return pickle_.values_[n]; }

  void push(Pickle::Value v) {
    if (pickle_.values_.size() == max_values)
      fail(fmt::format("expected at most {} values", max_values));
    stack_.push_back(uint32_t(pickle_.values_.size()));
    pickle_.values_.push_back(std::move(v));
  }
  uint32_t pop() {
    if (stack_.size() <= (marks_.empty() ? 0 : marks_.back())) fail("expected a value before this");
    uint32_t n = stack_.back();
    stack_.pop_back();
    return n;
  }
  std::vector<uint32_t> pop(size_t count) {
    std::vector<uint32_t> items(count);
    for (size_t i = count; i > 0; --i) items[i - 1] = pop();
    return items;
  }
  std::vector<uint32_t> pop_to_mark() {
    if (marks_.empty()) fail("expected a mark before this");
    std::vector<uint32_t> items(stack_.begin() + std::ptrdiff_t(marks_.back()), stack_.end());
    stack_.resize(marks_.back());
    marks_.pop_back();
    return items;
  }

  // The items go into the list or dict that is left on top.
  void extend(Kind kind, const std::vector<uint32_t>& items) {
    uint32_t target = pop();
    stack_.push_back(target);
    if (value(target).kind != kind || (kind == Kind::dict && items.size() % 2 != 0))
      fail(kind == Kind::dict ? "expected a dict and its pairs" : "expected a list");
    auto& to = value(target).items;
    to.insert(to.end(), items.begin(), items.end());
  }

  void keep(uint64_t place) {
    if (memo_.size() == max_values)
      fail(fmt::format("expected at most {} kept values", max_values));
    memo_[place] = pop();
    stack_.push_back(memo_[place]);
  }
  void recall(uint64_t place) {
    auto found = memo_.find(place);
    if (found == memo_.end()) fail(fmt::format("expected a value kept as number {}", place));
    stack_.push_back(found->second);
  }

  void global(std::string_view module, std::string_view name) {
    std::string full = fmt::format("{} {}", module, name);
    auto known = std::ranges::find(options_.globals, full);
    if (known == options_.globals.end())
      fail(fmt::format(
          "refers to {}.{}, which this reader does not know and will not run{}",
          printable(module),
          printable(name),
          options_.advice ? options_.advice(full) : ""));
    push({.kind = Kind::global, .text = *known});
  }
  void named_global() {
    auto items = pop(2);
    for (uint32_t item : items)
      if (value(item).kind != Kind::text) fail("expected the names of a module and of its content");
    global(value(items[0]).text, value(items[1]).text);
  }

  void call() {
    auto items = pop(2);
    if (value(items[0]).kind != Kind::global || value(items[1]).kind != Kind::tuple)
      fail("expected a name and its arguments");
    if (makes_list(value(items[0]).text)) return push({.kind = Kind::list});
    if (!makes_dict(value(items[0]).text))
      return push({.kind = Kind::call, .items = std::move(items)});
    // OrderedDict() is filled later; Python 2 wrote OrderedDict([[key, value], ...]).
    Pickle::Value dict{.kind = Kind::dict};
    for (uint32_t argument : value(items[1]).items) {
      if (value(argument).kind != Kind::list) continue;
      for (uint32_t pair : value(argument).items) {
        const auto& both = value(pair).items;
        if (both.size() != 2) fail("expected pairs of keys and values");
        dict.items.insert(dict.items.end(), both.begin(), both.end());
      }
    }
    push(std::move(dict));
  }

  // The state of what a call made; a dict of names beside the content of an OrderedDict is dropped.
  void build() {
    uint32_t state = pop(), target = pop();
    stack_.push_back(target);
    if (value(target).kind == Kind::dict && value(state).kind == Kind::dict) return;
    if (value(target).kind != Kind::call || value(target).items.size() != 2)
      fail("expected a state for what was made by a call");
    value(target).items.push_back(state);
  }

  void run(uint8_t code) {
    switch (code) {
      case 'N':
        return push({});
      case 'S':
      case 'V':
        if (!old_) break;
        return push({.kind = Kind::text, .text = line()});
      case 'p':  // where it is kept does not matter: no old pickle is read to its end
        if (!old_) break;
        line();
        return;
      case 'i': {
        if (!old_) break;
        auto module = line(), name = line();
        global(module, name);
        break;
      }
      case 0x88:
      case 0x89:
        return push({.kind = Kind::boolean, .integer = code == 0x88});
      case 'K':
        return push({.kind = Kind::integer, .integer = int64_t(number(1))});
      case 'M':
        return push({.kind = Kind::integer, .integer = int64_t(number(2))});
      case 'J':
        return push({.kind = Kind::integer, .integer = int32_t(number(4))});
      case 0x8a:
        return long_integer();
      case 'G':
        return push({.kind = Kind::real, .real = real()});
      case 'U':
      case 'C':
      case 0x8c:
        return push({.kind = Kind::text, .text = take(number(1))});
      case 'T':
      case 'B':
      case 'X':
        return push({.kind = Kind::text, .text = take(number(4))});
      case 0x8d:
      case 0x8e:
        return push({.kind = Kind::text, .text = take(number(8))});
      case ']':
      case 0x8f:  // a set
        return push({.kind = Kind::list});
      case '}':
        return push({.kind = Kind::dict});
      case ')':
        return push({.kind = Kind::tuple});
      case 0x85:
      case 0x86:
      case 0x87:
        return push({.kind = Kind::tuple, .items = pop(size_t(code - 0x84))});
      case 0x91:  // a frozenset
        return push({.kind = Kind::list, .items = pop_to_mark()});
      case 't':
        return push({.kind = Kind::tuple, .items = pop_to_mark()});
      case '(':
        return marks_.push_back(stack_.size());
      case 'a':
        return extend(Kind::list, pop(1));
      case 'e':
      case 0x90:
        return extend(Kind::list, pop_to_mark());
      case 's':
        return extend(Kind::dict, pop(2));
      case 'u':
        return extend(Kind::dict, pop_to_mark());
      case 'q':
        return keep(number(1));
      case 'r':
        return keep(number(4));
      case 'h':
        return recall(number(1));
      case 'j':
        return recall(number(4));
      case 0x94:
        return keep(memo_.size());
      case 0x95:  // the length of what follows, for readers of streams
        number(8);
        return;
      case 'c': {
        auto module = line(), name = line();
        return global(module, name);
      }
      case 0x93:
        return named_global();
      case 'R':
      case 0x81:
        return call();
      case 'b':
        return build();
      case 'Q':
        return push({.kind = Kind::persistent, .items = pop(1)});
      default:
        break;
    }
    if (old_) fail(not_a_pickle);
    auto known = std::ranges::find(refused, code, &Refused::code);
    fail(fmt::format(
        "has the opcode {}, which this reader refuses: it takes what Python writes for arrays, "
        "text and numbers",
        known == std::end(refused) ? fmt::format("{:#04x}", code) : std::string(known->name)));
  }

  std::string_view file_;
  const std::string& name_;
  const Pickle::Options& options_;
  size_t at_, opcode_;
  bool old_ = false;  // of protocol 0 or 1
  Pickle pickle_;
  std::vector<uint32_t> stack_;
  std::vector<size_t> marks_;  // sizes of the stack
  std::map<uint64_t, uint32_t> memo_;
};

Pickle Pickle::parse(
    std::span<const std::byte> file, const std::string& name, const Options& options) {
  return PickleReader(file, name, options).read();
}

const Pickle::Value* Pickle::find(const Value& dict, std::string_view key) const {
  if (dict.kind != Kind::dict) return nullptr;
  for (size_t i = dict.items.size(); i >= 2; i -= 2) {
    const Value& k = values_[dict.items[i - 2]];
    if (k.kind == Kind::text && k.text == key) return &values_[dict.items[i - 1]];
  }
  return nullptr;
}

}  // namespace fovea::formats
