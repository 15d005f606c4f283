// Config::read_toml: the only place that knows the TOML library.
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include <fmt/format.h>
#include <toml++/toml.h>

#include "fovea/core/errors.h"
#include "fovea/train/config.h"

namespace fovea::train {

namespace {

std::string where(const std::string& name, const toml::node& node) {
  return fmt::format("{}:{}", name, node.source().begin.line);
}

std::string scalar(const std::string& name, const std::string& key, const toml::node& node) {
  if (auto v = node.value<std::string>(); v && node.is_string()) return *v;
  if (auto v = node.as_boolean()) return v->get() ? "true" : "false";
  if (auto v = node.as_integer()) return std::to_string(v->get());
  if (auto v = node.as_floating_point()) return fmt::format("{}", v->get());
  throw std::invalid_argument(
      fmt::format("{}: expected text, a number or true/false for \"{}\"", where(name, node), key));
}

// Numbers or words in brackets are the text with commas between: widths = [32, 64].
std::string joined(const std::string& name, const std::string& key, const toml::array& array) {
  std::string text;
  for (const toml::node& entry : array)
    text += (text.empty() ? "" : ",") + scalar(name, key, entry);
  return text;
}

Item item_of(const std::string& name, const std::string& list, const toml::node& node) {
  const toml::table* table = node.as_table();
  if (!table || !table->contains("type"))
    throw std::invalid_argument(
        fmt::format("{}: expected a table with a \"type\" in [[{}]]", where(name, node), list));
  Item item;
  for (const auto& [key, value] : *table) {
    std::string k(key.str());
    const toml::array* array = value.as_array();
    (k == "type" ? item.type : item.options[k]) =
        array ? joined(name, list + "." + k, *array) : scalar(name, list + "." + k, value);
  }
  return item;
}

void walk(
    Config& config, const std::string& name, const std::string& prefix, const toml::table& table) {
  for (const auto& [key, node] : table) {
    std::string full = prefix + std::string(key.str());
    if (const toml::table* inner = node.as_table()) {
      walk(config, name, full + ".", *inner);
    } else if (const toml::array* array = node.as_array()) {
      if (!array->empty() && !array->front().is_table()) {
        config.set(full, joined(name, full, *array), where(name, node));
        continue;
      }
      std::vector<Item> items;
      for (const toml::node& entry : *array) items.push_back(item_of(name, full, entry));
      config.set_list(full, std::move(items), where(name, node));
    } else {
      config.set(full, scalar(name, full, node), where(name, node));
    }
  }
}

}  // namespace

void Config::read_toml_text(const std::string& text, const std::string& name) {
  try {
    walk(*this, name, "", toml::parse(text, name));
  } catch (const toml::parse_error& e) {
    throw std::invalid_argument(
        fmt::format("{}:{}: {}", name, e.source().begin.line, std::string(e.description())));
  }
}

void Config::read_toml(const std::string& path) {
  if (std::filesystem::is_directory(path))
    throw IoError(
        path,
        "expected a recipe (a .toml file), got a folder; pictures are given by --data PATH, and "
        "`fovea train --resume RUN` goes on with a run");
  std::ifstream file(path);
  if (!file) throw IoError(path, "cannot be opened; is the path right?");
  std::stringstream text;
  text << file.rdbuf();
  if (text.view().find('\0') != std::string_view::npos)
    throw IoError(path, "expected a recipe (a .toml file), got a file that is no text");
  read_toml_text(text.str(), path);
}

}  // namespace fovea::train
