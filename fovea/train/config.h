#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace fovea::train {

enum class ValueType : uint8_t { text, integer, number, boolean };

// One setting of a recipe: "train.epochs", its type, default and meaning.
struct KeyInfo {
  std::string_view key;
  ValueType type;
  std::string_view fallback;
  std::string_view what;
};

// A table of a list in a recipe ([[model.layers]], [[augment]]): its `type` and its other keys.
struct Item {
  std::string type;
  std::map<std::string, std::string> options;
  friend bool operator==(const Item&, const Item&) = default;
};

// An option of such a table.
struct ItemOption {
  std::string_view name;
  bool whole = false;  // its numbers are whole
};

// A list of such tables by its name in a recipe, "augment", and what one of a type may hold; none
// where nobody knows the type.
struct ListInfo {
  std::string name;
  std::optional<std::vector<ItemOption>> (*options)(std::string_view type);
};

// The settings of a run by dotted key, each with where it came from. Later sources win: defaults,
// the recipe file, the environment, flags, --set.
class Config {
 public:
  // `keys` are the known ones; a key under one of `open` ("optimizer.") may have any last name,
  // under one with a star ("search.*") any names, and is checked by whoever reads it. `lists` are
  // lists of tables.
  Config(std::span<const KeyInfo> keys, std::vector<std::string> open, std::vector<ListInfo> lists);

  // An option of a table in a list has the list's name, the table's place from 0 or its type, where
  // no other has that, and its own name: "model.layers.2.rate", "model.layers.dropout.rate". Throws
  // std::invalid_argument for an unknown key (naming the nearest), a value of another type, and a
  // table that is not there.
  void set(const std::string& key, const std::string& value, const std::string& origin);
  void set_list(const std::string& name, std::vector<Item> items, const std::string& origin);

  // Reads a TOML recipe; errors name file and line. `set_expression` takes "key=value".
  void read_toml(const std::string& path);
  void read_toml_text(const std::string& text, const std::string& name);
  void set_expression(const std::string& expression, const std::string& origin);

  std::string text(const std::string& key) const;
  int64_t integer(const std::string& key) const;
  double number(const std::string& key) const;
  bool boolean(const std::string& key) const;
  bool is_set(const std::string& key) const;         // by anything but its default
  void forget(const std::string& prefix);            // what is set under an open prefix
  std::string origin(const std::string& key) const;  // of a list, too
  const std::vector<Item>& list(const std::string& name) const;

  // The key as it is known by: "model.layers.2.rate" for "model.layers.dropout.rate". Throws as set
  // does, naming `origin`.
  std::string plain_key(const std::string& key, const std::string& origin) const;
  bool holds_whole_numbers(const std::string& key) const;

  // The keys under an open prefix, without it: {"name": "sgd", "momentum": "0.9"}.
  std::map<std::string, std::string> under(const std::string& prefix) const;

  std::string to_toml() const;   // fully resolved; read_toml gives the same back
  std::string to_table() const;  // key = value, and where each came from

 private:
  struct Entry {
    std::string value, origin;
  };
  struct ItemKey {
    const ListInfo& list;
    size_t place;
    ItemOption option;
  };
  const KeyInfo* info(const std::string& key) const;
  std::vector<std::string> list_names() const;
  // What a key names in a list; nothing where it names no list.
  std::optional<ItemKey> item_key(const std::string& key, const std::string& origin) const;
  bool is_open(const std::string& key) const;
  const Entry& at(const std::string& key) const;

  std::vector<KeyInfo> keys_;
  std::vector<std::string> open_;
  std::vector<ListInfo> list_infos_;
  std::map<std::string, Entry> entries_;
  std::map<std::string, std::vector<Item>> lists_;
  std::map<std::string, std::string> list_origins_;
};

}  // namespace fovea::train
