#include "fovea/formats/prototext.h"

#include <algorithm>

#include <fmt/format.h>

#include "fovea/core/errors.h"

namespace fovea::formats {

namespace {

constexpr int max_depth = 32;
constexpr size_t max_fields = 1'000'000;

class Parser {
 public:
  Parser(std::string_view text, const std::string& name) : text_(text), name_(name) {}

  ProtoText parse() {
    ProtoText all = message(0);
    if (at_ != text_.size()) fail("expected a field, got '}'");
    return all;
  }

 private:
  [[noreturn]] void fail(const std::string& what) const { throw IoError(name_, what, at_); }

  void skip_space() {
    while (at_ < text_.size()) {
      if (text_[at_] == '#')
        at_ = std::min(text_.find('\n', at_), text_.size());
      else if (std::string_view(" \t\r\n,;").find(text_[at_]) != std::string_view::npos)
        ++at_;
      else
        return;
    }
  }
  bool accept(char c) {
    skip_space();
    if (at_ == text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  std::string word() {
    skip_space();
    size_t begin = at_;
    auto is_part = [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
             c == '_' || c == '.' || c == '-' || c == '+';
    };
    while (at_ < text_.size() && is_part(text_[at_])) ++at_;
    if (begin == at_) fail(at_ == text_.size() ? "truncated: expected a word" : "expected a word");
    return std::string(text_.substr(begin, at_ - begin));
  }

  std::string scalar() {
    skip_space();
    if (at_ == text_.size() || (text_[at_] != '"' && text_[at_] != '\'')) return word();
    size_t end = text_.find(text_[at_], at_ + 1);
    if (end == text_.npos) fail("truncated: expected the end of a string");
    std::string_view inside = text_.substr(at_ + 1, end - at_ - 1);
    if (inside.find('\\') != inside.npos) fail("escapes in strings are not supported");
    at_ = end + 1;
    return std::string(inside);
  }

  void add(ProtoText& to, ProtoText::Field field) {
    if (++fields_ > max_fields) fail(fmt::format("expected at most {} fields", max_fields));
    to.fields.push_back(std::move(field));
  }

  // Up to a '}' that it leaves, or the end.
  ProtoText message(int depth) {
    if (depth > max_depth)
      fail(fmt::format("messages lie deeper than {} in each other", max_depth));
    ProtoText m;
    for (;;) {
      skip_space();
      if (at_ == text_.size() || text_[at_] == '}') return m;
      std::string key = word();
      const bool colon = accept(':');
      if (accept('{')) {
        add(m, {std::move(key), "", message(depth + 1)});
        if (!accept('}')) fail("truncated: expected '}'");
      } else if (!colon) {
        fail("expected ':' or '{' behind " + key);
      } else if (accept('[')) {
        while (!accept(']')) add(m, {key, scalar(), {}});
      } else {
        add(m, {std::move(key), scalar(), {}});
      }
    }
  }

  std::string_view text_;
  const std::string& name_;
  size_t at_ = 0, fields_ = 0;
};

}  // namespace

ProtoText ProtoText::parse(std::string_view text, const std::string& name) {
  return Parser(text, name).parse();
}

const ProtoText::Field* ProtoText::find(std::string_view key) const {
  for (const Field& f : fields)
    if (f.key == key) return &f;
  return nullptr;
}

std::vector<const ProtoText::Field*> ProtoText::all(std::string_view key) const {
  std::vector<const Field*> found;
  for (const Field& f : fields)
    if (f.key == key) found.push_back(&f);
  return found;
}

std::string ProtoText::text(std::string_view key, const std::string& fallback) const {
  const Field* f = find(key);
  return f ? f->scalar : fallback;
}

}  // namespace fovea::formats
