#include "fovea/formats/pickle.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "fovea/core/errors.h"

namespace fovea::formats {

namespace {

using Kind = Pickle::Kind;

constexpr size_t max_values = 1'000'000;

// The opcodes that are not read, for the message that refuses them.
struct Refused {
  uint8_t code;
  std::string_view name;
};
constexpr Refused refused[] = {
    {'0', "POP"},
    {'1', "POP_MARK"},
    {'2', "DUP"},
    {'B', "BINBYTES"},
    {'C', "SHORT_BINBYTES"},
    {'F', "FLOAT"},
    {'G', "BINFLOAT"},
    {'I', "INT"},
    {'L', "LONG"},
    {'P', "PERSID"},
    {'Q', "BINPERSID"},
    {'S', "STRING"},
    {'V', "UNICODE"},
    {'X', "BINUNICODE"},
    {'d', "DICT"},
    {'g', "GET"},
    {'i', "INST"},
    {'l', "LIST"},
    {'o', "OBJ"},
    {'p', "PUT"},
    {0x81, "NEWOBJ"},
    {0x82, "EXT1"},
    {0x83, "EXT2"},
    {0x84, "EXT4"},
    {0x8a, "LONG1"},
    {0x8b, "LONG4"},
    {0x8c, "SHORT_BINUNICODE"},
    {0x8d, "BINUNICODE8"},
    {0x8e, "BINBYTES8"},
    {0x8f, "EMPTY_SET"},
    {0x90, "ADDITEMS"},
    {0x91, "FROZENSET"},
    {0x92, "NEWOBJ_EX"},
    {0x93, "STACK_GLOBAL"},
    {0x94, "MEMOIZE"},
    {0x95, "FRAME"},
    {0x96, "BYTEARRAY8"},
    {0x97, "NEXT_BUFFER"},
    {0x98, "READONLY_BUFFER"},
};

}  // namespace

// The stack machine of Python's pickletools.py, with numbers of values on its stack.
class PickleReader {
 public:
  PickleReader(
      std::span<const std::byte> file,
      const std::string& name,
      std::span<const std::string_view> globals)
      : file_(reinterpret_cast<const char*>(file.data()), file.size()),
        name_(name),
        globals_(globals) {}

  Pickle read() {
    if (!file_.starts_with("\x80\x02"))
      fail("expected a pickle of protocol 2, as Python 2 wrote them");
    at_ = 2;
    for (;;) {
      opcode_ = at_;
      auto code = uint8_t(take(1)[0]);
      if (code == '.') break;
      run(code);
    }
    if (stack_.size() != 1 || !marks_.empty()) fail("expected one value at the end");
    if (at_ != file_.size()) fail("expected nothing after the end of the pickle");
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
  uint32_t number(size_t bytes) {  // little-endian
    uint32_t n = 0;
    size_t shift = 0;
    for (char c : take(bytes)) {
      n |= uint32_t(uint8_t(c)) << shift;
      shift += 8;
    }
    return n;
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

  void keep(uint32_t place) {
    if (memo_.size() == max_values)
      fail(fmt::format("expected at most {} kept values", max_values));
    memo_[place] = pop();
    stack_.push_back(memo_[place]);
  }
  void recall(uint32_t place) {
    auto found = memo_.find(place);
    if (found == memo_.end()) fail(fmt::format("expected a value kept as number {}", place));
    stack_.push_back(found->second);
  }

  void global() {
    auto module = line(), name = line();
    std::string full = fmt::format("{} {}", module, name);
    auto known = std::ranges::find(globals_, full);
    if (known == globals_.end())
      fail(fmt::format(
          "refers to {}.{}, which this reader does not know and will not run", module, name));
    push({.kind = Kind::global, .text = *known});
  }

  void run(uint8_t code) {
    switch (code) {
      case 'N':
        return push({});
      case 0x88:
      case 0x89:
        return push({.kind = Kind::boolean, .integer = code == 0x88});
      case 'K':
        return push({.kind = Kind::integer, .integer = number(1)});
      case 'M':
        return push({.kind = Kind::integer, .integer = number(2)});
      case 'J':
        return push({.kind = Kind::integer, .integer = int32_t(number(4))});
      case 'U':
        return push({.kind = Kind::text, .text = take(number(1))});
      case 'T':
        return push({.kind = Kind::text, .text = take(number(4))});
      case ']':
        return push({.kind = Kind::list});
      case '}':
        return push({.kind = Kind::dict});
      case ')':
        return push({.kind = Kind::tuple});
      case 0x85:
      case 0x86:
      case 0x87:
        return push({.kind = Kind::tuple, .items = pop(size_t(code - 0x84))});
      case 't':
        return push({.kind = Kind::tuple, .items = pop_to_mark()});
      case '(':
        return marks_.push_back(stack_.size());
      case 'a':
        return extend(Kind::list, pop(1));
      case 'e':
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
      case 'c':
        return global();
      case 'R': {
        auto items = pop(2);
        if (value(items[0]).kind != Kind::global || value(items[1]).kind != Kind::tuple)
          fail("expected a name and its arguments");
        return push({.kind = Kind::call, .items = std::move(items)});
      }
      case 'b': {
        uint32_t state = pop(), target = pop();
        stack_.push_back(target);
        if (value(target).kind != Kind::call || value(target).items.size() != 2)
          fail("expected a state for what was made by a call");
        return value(target).items.push_back(state);
      }
      default:
        break;
    }
    auto known = std::ranges::find(refused, code, &Refused::code);
    fail(fmt::format(
        "has the opcode {}, which this reader refuses: it takes what Python 2 wrote for arrays, "
        "text "
        "and whole numbers",
        known == std::end(refused) ? fmt::format("{:#04x}", code) : std::string(known->name)));
  }

  std::string_view file_;
  const std::string& name_;
  std::span<const std::string_view> globals_;
  size_t at_ = 0, opcode_ = 0;
  Pickle pickle_;
  std::vector<uint32_t> stack_;
  std::vector<size_t> marks_;  // sizes of the stack
  std::map<uint32_t, uint32_t> memo_;
};

Pickle Pickle::parse(
    std::span<const std::byte> file,
    const std::string& name,
    std::span<const std::string_view> globals) {
  return PickleReader(file, name, globals).read();
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
