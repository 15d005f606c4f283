#include "fovea/optim/fields.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <stdexcept>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "fovea/core/text.h"

namespace fovea::optim {

namespace {

template <class T>
bool read_number(std::string_view text, T& to) {
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), to);
  return error == std::errc() && end == text.data() + text.size();
}

struct Reader {
  const std::string& text;

  // What was expected, if `text` is not it.
  std::string_view operator()(double* to) const {
    return read_number(text, *to) && std::isfinite(*to) ? "" : "a number";
  }
  std::string_view operator()(int* to) const {
    return read_number(text, *to) ? "" : "a whole number";
  }
  std::string_view operator()(bool* to) const {
    *to = text == "true";
    return text == "true" || text == "false" ? "" : "true or false";
  }
  std::string_view operator()(std::vector<int>* to) const {
    to->clear();
    for (size_t begin = 0; begin <= text.size();) {
      size_t end = std::min(text.find(',', begin), text.size());
      std::string_view part = std::string_view(text).substr(begin, end - begin);
      while (part.starts_with(' ')) part.remove_prefix(1);
      while (part.ends_with(' ')) part.remove_suffix(1);
      if (!read_number(part, to->emplace_back())) return "whole numbers, as in \"30, 60\"";
      begin = end + 1;
    }
    return "";
  }
  std::string_view operator()(std::vector<ParamGroup>* to) const {
    *to = parse_groups(text);
    return "";
  }
};

struct Writer {
  std::string operator()(double* v) const { return fmt::format("{:.6g}", *v); }
  std::string operator()(int* v) const { return fmt::format("{}", *v); }
  std::string operator()(bool* v) const { return fmt::format("{}", *v); }
  std::string operator()(std::vector<int>* v) const {
    return fmt::format("{}", fmt::join(*v, ", "));
  }
  std::string operator()(std::vector<ParamGroup>*) const { return ""; }
};

}  // namespace

void read_value(
    std::string_view method,
    const std::string& name,
    const std::string& text,
    const FieldValue& to) {
  std::string_view expected = std::visit(Reader{text}, to);
  if (!expected.empty())
    throw std::invalid_argument(
        fmt::format("[{}] expected {} to be {}, got \"{}\"", method, name, expected, text));
}

std::string show_value(const FieldValue& value) { return std::visit(Writer{}, value); }

void check_keys(const MethodInfo& method, const Settings& settings) {
  std::vector<std::string> names;
  for (const OptionInfo& option : method.options) names.push_back(option.name);
  for (const auto& [key, value] : settings) {
    if (key == "name" || std::ranges::find(names, key) != names.end()) continue;
    throw std::invalid_argument(fmt::format(
        "[{}] expected an option out of {}, got \"{}\"{}",
        method.name,
        fmt::join(names, ", "),
        key,
        did_you_mean(key, names)));
  }
}

}  // namespace fovea::optim
