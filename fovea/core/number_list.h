#pragma once

#include <charconv>
#include <optional>
#include <string_view>
#include <vector>

namespace fovea {

// "32" -> 32; nothing for a text that is not one number from end to end.
template <class T>
std::optional<T> parse_number(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return {};
  return value;
}

// "32,64" -> {32, 64}, "" -> {}; nothing for a text that is no list of numbers.
template <class T>
std::optional<std::vector<T>> parse_numbers(std::string_view text) {
  std::vector<T> list;
  const char *at = text.data(), *end = at + text.size();
  while (at != end) {
    auto [rest, error] = std::from_chars(at, end, list.emplace_back());
    if (error != std::errc() || (rest != end && (*rest != ',' || rest + 1 == end))) return {};
    at = rest == end ? end : rest + 1;
  }
  return list;
}

}  // namespace fovea
