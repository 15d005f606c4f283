// Keys of the tables in a recipe's lists: "model.layers.2.rate", "augment.random_crop.padding".
#include <algorithm>
#include <charconv>
#include <stdexcept>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "fovea/core/text.h"
#include "fovea/train/config.h"

namespace fovea::train {

namespace {

// Throws with where the key came from and what it is.
[[noreturn]] void refuse(
    const std::string& origin, const std::string& key, const std::string& what) {
  throw std::invalid_argument(fmt::format("{}: \"{}\": {}", origin, key, what));
}

// "0 conv, 1 flatten"
std::string contents_of(const std::vector<Item>& items) {
  std::vector<std::string> names;
  for (size_t i = 0; i < items.size(); ++i) names.push_back(fmt::format("{} {}", i, items[i].type));
  return fmt::format("{}", fmt::join(names, ", "));
}

// The place in the list that a word of the key names: a number, or a type that one item alone has.
size_t place_of(
    const std::vector<Item>& items,
    const std::string& word,
    const std::string& key,
    const std::string& origin) {
  const bool number = std::ranges::all_of(word, [](char c) { return c >= '0' && c <= '9'; });
  size_t place = items.size();
  if (number) {
    std::from_chars(word.data(), word.data() + word.size(), place);
    if (place < items.size()) return place;
    refuse(
        origin,
        key,
        fmt::format(
            "expected a place from 0 to {} ({}), got {}",
            items.size() - 1,
            contents_of(items),
            word));
  }
  const auto found = std::ranges::find(items, word, &Item::type);
  if (found == items.end())
    refuse(origin, key, fmt::format("there is no {}, the list has {}", word, contents_of(items)));
  if (std::ranges::count(items, word, &Item::type) > 1)
    refuse(
        origin,
        key,
        fmt::format(
            "{} stands there more than once, give its place: {}", word, contents_of(items)));
  return size_t(found - items.begin());
}

ItemOption option_of(
    const ListInfo& list,
    const std::string& type,
    const std::string& name,
    const std::string& key,
    const std::string& origin) {
  const auto options = list.options(type);
  if (!options) refuse(origin, key, fmt::format("nobody knows the type {}", type));
  std::vector<std::string> known;
  for (const ItemOption& o : *options) {
    if (o.name == name) return o;
    known.emplace_back(o.name);
  }
  if (known.empty()) refuse(origin, key, fmt::format("{} has no options", type));
  refuse(
      origin,
      key,
      fmt::format(
          "unknown option \"{}\" of {}, which takes {}{}",
          name,
          type,
          fmt::join(known, ", "),
          did_you_mean(name, known)));
}

}  // namespace

std::vector<std::string> Config::list_names() const {
  std::vector<std::string> names;
  for (const ListInfo& l : list_infos_) names.push_back(l.name);
  return names;
}

std::optional<Config::ItemKey> Config::item_key(
    const std::string& key, const std::string& origin) const {
  const auto known = std::ranges::find_if(
      list_infos_, [&](const ListInfo& l) { return key.starts_with(l.name + "."); });
  if (known == list_infos_.end()) return {};
  const std::string rest = key.substr(known->name.size() + 1);
  const size_t dot = rest.find('.');
  if (dot == std::string::npos || dot == 0 || dot + 1 == rest.size())
    refuse(
        origin,
        key,
        fmt::format("expected {}.PLACE.OPTION, the place from 0 or a type", known->name));
  const std::vector<Item>& items = list(known->name);
  if (items.empty())
    refuse(origin, key, fmt::format("the recipe has no [[{}]] to change", known->name));
  const size_t place = place_of(items, rest.substr(0, dot), key, origin);
  return ItemKey{
      *known, place, option_of(*known, items[place].type, rest.substr(dot + 1), key, origin)};
}

std::string Config::plain_key(const std::string& key, const std::string& origin) const {
  const auto item = item_key(key, origin);
  return item ? fmt::format("{}.{}.{}", item->list.name, item->place, item->option.name) : key;
}

bool Config::holds_whole_numbers(const std::string& key) const {
  if (const auto item = item_key(key, key)) return item->option.whole;
  const KeyInfo* k = info(key);
  return k && k->type == ValueType::integer;
}

}  // namespace fovea::train
