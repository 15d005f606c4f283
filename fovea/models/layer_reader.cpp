#include "fovea/models/layer_reader.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "fovea/core/errors.h"
#include "fovea/core/text.h"

namespace fovea::models {

Reader::Reader(const LayerSpec& spec, const LayerType& type) : spec_(spec), type_(type) {
  std::vector<std::string> known;
  for (const LayerOption& o : type.options) known.emplace_back(o.name);
  for (const auto& [name, value] : spec.options)
    if (std::ranges::find(known, name) == known.end())
      throw std::invalid_argument(fmt::format(
          "unknown option \"{}\", {} takes {}{}",
          name,
          type.name,
          known.empty() ? "none" : list_of(known, known.size()),
          did_you_mean(name, known)));
}

std::string Reader::text(std::string_view name) const {
  if (auto it = spec_.options.find(std::string(name)); it != spec_.options.end()) return it->second;
  for (const LayerOption& o : type_.options)
    if (o.name == name && !o.fallback.empty()) return std::string(o.fallback);
  throw std::invalid_argument(fmt::format("expected an option \"{}\"", name));
}

template <class T>
T Reader::number(std::string_view name) const {
  std::string value = text(name);
  T result{};
  auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), result);
  if (error != std::errc() || end != value.data() + value.size())
    throw std::invalid_argument(
        fmt::format("expected a number for \"{}\", got \"{}\"", name, value));
  return result;
}
template int Reader::number<int>(std::string_view) const;
template double Reader::number<double>(std::string_view) const;

int Reader::integer(std::string_view name, int least) const {
  FOVEA_ASSERT(std::ranges::find(type_.options, name, &LayerOption::name)->whole);
  int value = number<int>(name);
  if (value < least)
    throw std::invalid_argument(
        fmt::format("expected \"{}\" of at least {}, got {}", name, least, value));
  return value;
}

bool Reader::flag(std::string_view name) const {
  std::string value = text(name);
  if (value == "true" || value == "false") return value == "true";
  throw std::invalid_argument(
      fmt::format("expected true or false for \"{}\", got \"{}\"", name, value));
}

int64_t features(const Shape& in) {
  if (in.rank() != 2)
    throw std::invalid_argument(fmt::format(
        "expected features (N, F), got {}; put a flatten or global_pool layer before it",
        in.str()));
  return in[1];
}

}  // namespace fovea::models
