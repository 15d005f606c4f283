#include "fovea/data/source.h"

#include <algorithm>
#include <filesystem>
#include <stdexcept>

#include <fmt/format.h>

#include "fovea/core/errors.h"
#include "fovea/core/text.h"
#include "fovea/core/utf8.h"
#include "fovea/data/cifar.h"
#include "fovea/data/digits.h"
#include "fovea/data/folder.h"
#include "fovea/data/idx.h"
#include "fovea/data/point_dataset.h"

namespace fovea::data {

namespace fs = std::filesystem;

namespace {

constexpr const char* accepted =
    "\"digits\", a folder or a .zip or .tar with a sub-folder per class (or train, val, test with "
    "class folders in each), MNIST idx files, CIFAR files, train=PATH,test=PATH, or points of the "
    "plane: moons, circles, spiral, blobs, or a .csv file of lines x,y,class";

Source open_raw(const std::string& spec);

DatasetPtr& split_of(Source& source, std::string_view split) {
  return split == "train" ? source.train : split == "val" ? source.val : source.test;
}

// The dataset of `part` that serves as `split`: its own such split, else the one it has.
DatasetPtr pick(Source& part, std::string_view split) {
  if (auto& same = split_of(part, split)) return same;
  return split == "train" && part.train ? part.train : part.held_out();
}

// photos_train.zip and photos_test.zip in one folder.
std::optional<Source> open_split_archives(const FileTree& tree) {
  Source source;
  for (size_t i = 0; i < tree.files().size(); ++i) {
    const auto& path = tree.files()[i].path;
    if (path.find('/') != std::string::npos || !(is_zip_name(path) || is_tar_name(path))) continue;
    auto stem = lower(path);
    stem.resize(std::min(stem.find(".zip"), stem.find(".t")));
    for (std::string_view split : {"train", "val", "test"}) {
      if (!stem.ends_with(split)) continue;
      auto& target = split_of(source, split);
      if (target)
        throw DataError(fmt::format(
            "[data] {} has two archives for the {} split; name one with {}=FILE",
            tree.name(),
            split,
            split));
      auto part = open_raw(tree.full_name(i));
      target = pick(part, split);
      source.notes.insert(source.notes.end(), part.notes.begin(), part.notes.end());
    }
  }
  if (!source.train && !source.test && !source.val) return std::nullopt;
  return source;
}

// What lies at a path that no reader recognised.
std::string describe(const FileTree& tree) {
  if (tree.files().empty()) return "nothing";
  std::vector<std::string> names;
  for (const auto& file : tree.files()) names.push_back(file.path);
  return fmt::format("{} files: {}", names.size(), list_of(names, 5));
}

[[noreturn]] void unknown_path(const std::string& spec) {
  std::vector<std::string> near = toy_sets();
  near.emplace_back("digits");
  fs::path path(spec);
  std::error_code none;
  auto parent = path.has_parent_path() ? path.parent_path() : fs::path(".");
  std::vector<std::string> siblings;
  for (fs::directory_iterator it(parent, none), end; !none && it != end; it.increment(none))
    siblings.push_back(it->path().filename().string());
  std::sort(siblings.begin(), siblings.end());
  std::string hint = path.has_parent_path() ? "" : nearest(spec, near);
  if (hint.empty()) {
    auto sibling = nearest(path.filename().string(), siblings);
    if (!sibling.empty()) hint = (path.parent_path() / sibling).string();
  }
  throw DataError(fmt::format(
      "[data] no data source \"{}\": there is no such file or folder{}. Expected {}",
      spec,
      hint.empty() ? "" : fmt::format("; did you mean \"{}\"?", hint),
      accepted));
}

Source open_path(std::string spec) {
  while (spec.size() > 1 && spec.back() == '/') spec.pop_back();
  std::error_code none;
  if (!fs::exists(spec, none)) unknown_path(spec);
  bool folder = fs::is_directory(spec, none);
  if (!folder && lower(spec).ends_with(".bin")) return open_cifar_file(spec);
  if (!folder && lower(spec).ends_with(".csv"))
    return {.train = make_point_dataset(spec, read_points(spec))};
  if (!folder && !is_zip_name(spec) && !is_tar_name(spec))
    throw DataError(fmt::format(
        "[data] {} is a file that is neither an archive nor CIFAR records. Expected {}",
        spec,
        accepted));
  auto tree = open_tree(spec);
  if (auto source = open_idx(*tree)) return *source;
  if (auto source = open_cifar(*tree)) return *source;
  if (auto source = open_folder(tree)) return *source;
  if (auto source = folder ? open_split_archives(*tree) : std::nullopt) return *source;
  throw DataError(fmt::format(
      "[data] found no pictures in {}, which holds {}; JPEG, PNG, WebP, BMP and PPM are read. "
      "Expected {}",
      spec,
      describe(*tree),
      accepted));
}

// "train=A,val=B,test=C" as (split, path) pairs; empty when `spec` is not of this form.
std::vector<std::pair<std::string, std::string>> parse_splits(const std::string& spec) {
  std::vector<std::pair<std::string, std::string>> parts;
  auto key_at = [&](size_t at) -> std::string {
    for (const char* key : {"train", "val", "test"})
      if (spec.compare(at, std::string(key).size() + 1, std::string(key) + "=") == 0) return key;
    return {};
  };
  for (size_t at = 0; at <= spec.size();) {
    auto key = key_at(at);
    if (key.empty()) return {};
    size_t end = at;
    do end = spec.find(',', end + 1);
    while (end != std::string::npos && key_at(end + 1).empty());
    size_t first = at + key.size() + 1;
    parts.emplace_back(key, spec.substr(first, end == std::string::npos ? end : end - first));
    if (end == std::string::npos) break;
    at = end + 1;
  }
  return parts;
}

Source open_raw(const std::string& spec) {
  if (spec == "digits") return digits();
  const auto toys = toy_sets();
  if (std::ranges::find(toys, spec) != toys.end() && !fs::exists(spec)) return toy_source(spec);
  auto parts = parse_splits(spec);
  if (parts.empty()) return open_path(spec);
  Source source;
  for (const auto& [split, path] : parts) {
    auto part = open_raw(path);
    auto& target = split_of(source, split);
    if (target) throw DataError(fmt::format("[data] \"{}\" names {} twice", spec, split));
    target = pick(part, split);
    source.notes.insert(source.notes.end(), part.notes.begin(), part.notes.end());
  }
  return source;
}

// In UTF-8, as models, tables and pages have them, whatever the names of the folders are.
std::vector<std::string> names_of_classes(const Dataset& d, std::vector<std::string>& notes) {
  std::vector<std::string> names, changed;
  for (const std::string& name : d.classes()) {
    names.push_back(to_utf8(name));
    if (names.back() != name) changed.push_back(names.back());
  }
  if (!changed.empty())
    notes.push_back(fmt::format(
        "{}: names of classes that are not in UTF-8 are read as Latin-1: {}",
        d.name(),
        list_of(changed)));
  return names;
}

// Labels the split by `classes` and complains about those that have no pictures.
void match(DatasetPtr& split, const char* which, const OpenOptions& options, Source& source) {
  if (!split) return;
  split = with_classes(split, source.classes);
  auto counts = class_counts(*split);
  std::vector<std::string> missing;
  for (size_t c = 0; c < counts.size(); ++c)
    if (counts[c] == 0) missing.push_back(source.classes[c]);
  if (missing.empty()) return;
  auto text = fmt::format(
      "{}: the {} split has no pictures of {} of {} classes: {}",
      split->name(),
      which,
      missing.size(),
      counts.size(),
      list_of(missing));
  if (!options.allow_missing_classes && options.classes.empty()) {
    std::string reasons;  // which may lie in what was left out
    for (const std::string& note : source.notes) reasons += " (" + note + ")";
    throw DataError(fmt::format(
        "[data] {}{}. Add pictures, remove the empty folders, or allow missing classes "
        "(data.allow_missing_classes = true in a recipe)",
        text,
        reasons));
  }
  source.notes.push_back(text);
}

}  // namespace

const DatasetPtr& Source::split(const std::string& name) const {
  if (name.empty()) return held_out();
  const DatasetPtr& split = name == "train" ? train : name == "val" ? val : test;
  if (!split) throw std::invalid_argument(fmt::format("the source has no {} split", name));
  return split;
}

Source open(const std::string& spec, const OpenOptions& options) {
  Source source = open_raw(spec);
  const DatasetPtr& first = source.train ? source.train : source.held_out();
  if (!first || first->size() == 0)
    throw DataError(fmt::format("[data] {} has no labelled pictures. Expected {}", spec, accepted));
  source.classes =
      options.classes.empty() ? names_of_classes(*first, source.notes) : options.classes;
  if (options.classes.empty() && int(source.classes.size()) < options.min_classes)
    throw DataError(fmt::format(
        "[data] {} has {} class: {}; expected at least {}, each in a folder of its own",
        spec,
        source.classes.size(),
        list_of(source.classes),
        options.min_classes));
  for (const DatasetPtr& split : {source.val, source.test})
    if (split && holds_points(*split) != holds_points(*first))
      throw DataError(fmt::format("[data] {} mixes pictures and points of the plane", spec));
  match(source.train, "train", options, source);
  match(source.val, "val", options, source);
  match(source.test, "test", options, source);
  return source;
}

}  // namespace fovea::data
