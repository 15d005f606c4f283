#include "fovea/train/config.h"

#include <algorithm>
#include <stdexcept>

#include <fmt/format.h>

#include "fovea/core/number_list.h"
#include "fovea/core/text.h"
#include "fovea/core/utf8.h"

namespace fovea::train {

namespace {

const char* name_of(ValueType type) {
  switch (type) {
    case ValueType::text:
      return "text";
    case ValueType::integer:
      return "a whole number";
    case ValueType::number:
      return "a number";
    case ValueType::boolean:
      return "true or false";
  }
  return "?";
}

bool fits(ValueType type, const std::string& value) {
  switch (type) {
    case ValueType::text:
      return true;
    case ValueType::integer:
      return parse_number<int64_t>(value).has_value();
    case ValueType::number:
      return parse_number<double>(value).has_value();
    case ValueType::boolean:
      return value == "true" || value == "false";
  }
  return false;
}

bool is_bare(const std::string& value) {  // needs no quotes in TOML
  return value == "true" || value == "false" || parse_number<double>(value);
}

std::string quoted(const std::string& value) {
  std::string out = "\"";
  for (char c : value) {
    if (uint8_t(c) < 0x20 || c == 0x7f) {
      out += fmt::format("\\u{:04X}", uint8_t(c));
      continue;
    }
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

std::string toml_value(ValueType type, const std::string& value) {
  return type == ValueType::text ? quoted(value) : value;
}

}  // namespace

Config::Config(
    std::span<const KeyInfo> keys, std::vector<std::string> open, std::vector<ListInfo> lists)
    : keys_(keys.begin(), keys.end()), open_(std::move(open)), list_infos_(std::move(lists)) {
  for (const KeyInfo& k : keys_)
    entries_[std::string(k.key)] = {std::string(k.fallback), "default"};
}

const KeyInfo* Config::info(const std::string& key) const {
  for (const KeyInfo& k : keys_)
    if (k.key == key) return &k;
  return nullptr;
}

bool Config::is_open(const std::string& key) const {
  return std::ranges::any_of(open_, [&](std::string_view prefix) {
    const bool deep = prefix.ends_with('*');
    if (deep) prefix.remove_suffix(1);
    return key.starts_with(prefix) && key.size() > prefix.size() &&
           (deep || key.find('.', prefix.size()) == std::string::npos);
  });
}

void Config::set(const std::string& key, const std::string& value, const std::string& origin) {
  if (const std::string text = to_utf8(value); text != value)
    throw std::invalid_argument(fmt::format(
        "{}: expected text in UTF-8 for \"{}\", as recipes have it, got \"{}\" in Latin-1; rename "
        "the file, or give a link to it",
        origin,
        key,
        text));
  if (const auto item = item_key(key, origin)) {
    lists_.at(item->list.name)[item->place].options[std::string(item->option.name)] = value;
    std::string& from = list_origins_[item->list.name];
    if (!from.ends_with(origin)) from += ", " + origin;
    return;
  }
  const KeyInfo* k = info(key);
  std::vector<std::string> known = list_names();
  if (std::ranges::find(known, key) != known.end())
    throw std::invalid_argument(fmt::format(
        "{}: \"{}\" is a list of tables, which only a recipe file can give, as [[{}]]; an option "
        "of one of them has the key {}.PLACE.OPTION",
        origin,
        key,
        key,
        key));
  if (!k && !is_open(key)) {
    for (const KeyInfo& other : keys_) known.emplace_back(other.key);
    throw std::invalid_argument(
        fmt::format("{}: unknown key \"{}\"{}", origin, key, did_you_mean(key, known)));
  }
  if (k && !fits(k->type, value))
    throw std::invalid_argument(fmt::format(
        "{}: expected {} for \"{}\" ({}), got \"{}\"",
        origin,
        name_of(k->type),
        key,
        k->what,
        value));
  entries_[key] = {value, origin};
}

void Config::set_list(const std::string& name, std::vector<Item> items, const std::string& origin) {
  const std::vector<std::string> known = list_names();
  if (std::ranges::find(known, name) == known.end())
    throw std::invalid_argument(
        fmt::format("{}: unknown list \"{}\"{}", origin, name, did_you_mean(name, known)));
  lists_[name] = std::move(items);
  list_origins_[name] = origin;
}

void Config::set_expression(const std::string& expression, const std::string& origin) {
  size_t at = expression.find('=');
  if (at == std::string::npos || at == 0)
    throw std::invalid_argument(
        fmt::format("{}: expected key=value, got \"{}\"", origin, expression));
  set(expression.substr(0, at), expression.substr(at + 1), origin);
}

const Config::Entry& Config::at(const std::string& key) const {
  auto it = entries_.find(key);
  if (it == entries_.end()) throw std::logic_error("no setting \"" + key + "\"");
  return it->second;
}

std::string Config::text(const std::string& key) const { return at(key).value; }

int64_t Config::integer(const std::string& key) const {
  return parse_number<int64_t>(at(key).value).value_or(0);
}

double Config::number(const std::string& key) const {
  return parse_number<double>(at(key).value).value_or(0);
}

bool Config::boolean(const std::string& key) const { return at(key).value == "true"; }
bool Config::is_set(const std::string& key) const {
  auto it = entries_.find(key);
  return it != entries_.end() && it->second.origin != "default";
}
void Config::forget(const std::string& prefix) {
  std::erase_if(entries_, [&](const auto& item) {
    return item.first.starts_with(prefix) && !info(item.first);
  });
}
std::string Config::origin(const std::string& key) const {
  const auto list = list_origins_.find(key);
  return list == list_origins_.end() ? at(key).origin : list->second;
}

const std::vector<Item>& Config::list(const std::string& name) const {
  static const std::vector<Item> none;
  auto it = lists_.find(name);
  return it == lists_.end() ? none : it->second;
}

std::map<std::string, std::string> Config::under(const std::string& prefix) const {
  std::map<std::string, std::string> found;
  for (const auto& [key, entry] : entries_)
    if (key.starts_with(prefix)) found[key.substr(prefix.size())] = entry.value;
  return found;
}

std::string Config::to_toml() const {
  std::string out, section;
  for (const auto& [key, entry] : entries_) {
    size_t dot = key.rfind('.');
    std::string head = key.substr(0, dot), last = key.substr(dot + 1);
    if (head != section) {
      out += fmt::format("{}[{}]\n", out.empty() ? "" : "\n", head);
      section = head;
    }
    const KeyInfo* k = info(key);
    bool as_text = k ? k->type == ValueType::text : !is_bare(entry.value);
    out += fmt::format("{} = {}\n", last, as_text ? quoted(entry.value) : entry.value);
  }
  for (const auto& [name, items] : lists_) {
    for (const Item& item : items) {
      out += fmt::format("\n[[{}]]\ntype = {}\n", name, quoted(item.type));
      for (const auto& [option, value] : item.options)
        out += fmt::format(
            "{} = {}\n",
            option,
            toml_value(is_bare(value) ? ValueType::number : ValueType::text, value));
    }
  }
  return out;
}

std::string Config::to_table() const {
  size_t key_width = 0, value_width = 0;
  for (const auto& [key, entry] : entries_) {
    key_width = std::max(key_width, key.size());
    value_width = std::max(value_width, std::min<size_t>(entry.value.size(), 40));
  }
  std::string out;
  for (const auto& [key, entry] : entries_)
    out += fmt::format(
        "{:<{}} = {:<{}}  # {}\n", key, key_width, entry.value, value_width, entry.origin);
  for (const auto& [name, items] : lists_)
    out += fmt::format(
        "{:<{}} = {} entries  # {}\n", name, key_width, items.size(), list_origins_.at(name));
  return out;
}

}  // namespace fovea::train
