#include "fovea/data/folder.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <stdexcept>

#include <fmt/format.h>

#include "fovea/core/text.h"
#include "fovea/data/hash.h"

namespace fovea::data {

namespace {

constexpr std::array readable{".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".pbm", ".webp"};
// Pictures that no decoder reads: they are left out, and named.
constexpr std::array unreadable{".tif", ".tiff", ".gif", ".avif", ".heic", ".jxl", ".jp2"};

template <size_t n>
bool ends_like(const std::string& path, const std::array<const char*, n>& extensions) {
  auto name = lower(path);
  return std::ranges::any_of(extensions, [&](const char* e) { return name.ends_with(e); });
}

// "train", "val", "test", or nothing.
std::string split_of(const std::string& folder) {
  auto name = lower(folder);
  if (name == "train" || name == "training") return "train";
  if (name == "val" || name == "valid" || name == "validation") return "val";
  if (name == "test" || name == "testing") return "test";
  return {};
}

class FolderDataset : public Dataset {
 public:
  struct Item {
    size_t file;
    int label;
  };

  FolderDataset(
      FileTreePtr tree, std::string name, std::vector<std::string> classes, std::vector<Item> items)
      : tree_(std::move(tree)),
        name_(std::move(name)),
        classes_(std::move(classes)),
        items_(std::move(items)) {}

  const std::string& name() const override { return name_; }
  const std::vector<std::string>& classes() const override { return classes_; }
  int64_t size() const override { return int64_t(items_.size()); }
  int label(int64_t i) const override { return items_.at(size_t(i)).label; }
  std::string sample_name(int64_t i) const override {
    return tree_->full_name(items_.at(size_t(i)).file);
  }
  image::Image image(int64_t i, const image::DecodeOptions& how) const override {
    auto file = items_.at(size_t(i)).file;
    return image::decode(tree_->read(file), how, tree_->full_name(file));
  }
  uint64_t hash() const override {
    Fnv1a h;
    for (const auto& c : classes_) h.add(c);
    for (const auto& item : items_) {
      const auto& path = tree_->files()[item.file].path;
      h.add(std::string_view(path).substr(path.rfind('/') + 1));
      h.add(tree_->files()[item.file].size);
      h.add(uint64_t(item.label));
    }
    return h.value();
  }

 private:
  FileTreePtr tree_;
  std::string name_;
  std::vector<std::string> classes_;
  std::vector<Item> items_;
};

// A folder of the tree with its pictures; prefix is "" or ends with '/'.
struct Level {
  std::vector<std::string> folders;  // directly below
  std::vector<size_t> loose;         // pictures directly in it
};

class Finder {
 public:
  explicit Finder(FileTreePtr tree) : tree_(std::move(tree)) {
    for (size_t i = 0; i < tree_->files().size(); ++i)
      if (ends_like(path(i), readable))
        pictures_.push_back(i);
      else if (ends_like(path(i), unreadable))
        left_out_.push_back(i);
  }

  std::optional<Source> find() {
    if (pictures_.empty()) return std::nullopt;
    Source source = find_classes();
    if (!left_out_.empty()) source.notes.push_back(left_out());
    return source;
  }

 private:
  std::string left_out() const {
    return fmt::format(
        "{}: {} of a kind that is not supported, left out, such as {}; convert them to PNG or JPEG",
        tree_->name(),
        counted(int64_t(left_out_.size()), "picture"),
        path(left_out_.front()));
  }

  Source find_classes() const {
    std::string prefix;
    for (;;) {
      Level level = list(prefix);
      if (is_split_level(prefix, level)) return splits(prefix, level);
      bool wrapper = level.folders.size() == 1 && level.loose.empty() &&
                     list(prefix + level.folders[0] + "/").loose.empty() &&
                     !list(prefix + level.folders[0] + "/").folders.empty();
      if (!wrapper) {
        if (level.folders.empty())
          throw DataError(fmt::format(
              "[data] expected a folder per class in {}, got {} pictures without one, such as {}",
              tree_->name(),
              level.loose.size(),
              tree_->full_name(level.loose.front())));
        Source source;
        source.train = classes(prefix, tree_->name(), source.notes);
        return source;
      }
      prefix += level.folders[0] + "/";
    }
  }

  const std::string& path(size_t file) const { return tree_->files()[file].path; }

  Level list(const std::string& prefix) const {
    Level level;
    for (const auto& folder : tree_->folders())
      if (folder.size() > prefix.size() && folder.starts_with(prefix) &&
          folder.find('/', prefix.size()) == std::string::npos)
        level.folders.push_back(folder.substr(prefix.size()));
    for (size_t i : pictures_)
      if (path(i).starts_with(prefix) && path(i).find('/', prefix.size()) == std::string::npos)
        level.loose.push_back(i);
    return level;
  }

  bool has_pictures(const std::string& prefix) const {
    return std::any_of(
        pictures_.begin(), pictures_.end(), [&](size_t i) { return path(i).starts_with(prefix); });
  }

  // All folders with pictures are named like splits, and some of them have folders inside; else
  // "train" may be a class of vehicles.
  bool is_split_level(const std::string& prefix, const Level& level) const {
    bool deeper = false;
    for (const auto& folder : level.folders) {
      if (!has_pictures(prefix + folder + "/")) continue;
      if (split_of(folder).empty()) return false;
      deeper |= !list(prefix + folder + "/").folders.empty();
    }
    return deeper;
  }

  Source splits(const std::string& prefix, const Level& level) const {
    Source source;
    std::map<std::string, std::string> seen;
    for (const auto& folder : level.folders) {
      auto split = split_of(folder);
      if (split.empty() || !has_pictures(prefix + folder + "/")) continue;
      if (!seen.emplace(split, folder).second)
        throw DataError(fmt::format(
            "[data] {} has two folders for the {} split: {} and {}",
            tree_->name(),
            split,
            seen[split],
            folder));
      auto below = prefix + folder + "/";
      if (list(below).folders.empty() && split != "train") {
        source.notes.push_back(fmt::format(
            "{} has pictures but no class folders and is left out", tree_->name() + "/" + folder));
        continue;
      }
      auto& target = split == "train" ? source.train : split == "val" ? source.val : source.test;
      target = classes(below, tree_->name() + "/" + folder, source.notes);
    }
    return source;
  }

  DatasetPtr classes(
      const std::string& prefix, std::string name, std::vector<std::string>& notes) const {
    Level level = list(prefix);
    std::map<std::string, int> index;
    for (const auto& folder : level.folders) index.emplace(folder, int(index.size()));
    if (!level.loose.empty())
      notes.push_back(fmt::format(
          "{}: {} in no class folder, left out, such as {}",
          name,
          counted(int64_t(level.loose.size()), "picture"),
          path(level.loose.front())));
    std::vector<FolderDataset::Item> items;
    for (size_t i : pictures_) {
      if (!path(i).starts_with(prefix)) continue;
      auto slash = path(i).find('/', prefix.size());
      if (slash == std::string::npos) continue;
      items.push_back({i, index.at(path(i).substr(prefix.size(), slash - prefix.size()))});
    }
    // Paths are in byte order already; by class first, since '/' is not the smallest letter.
    std::stable_sort(
        items.begin(), items.end(), [](const auto& a, const auto& b) { return a.label < b.label; });
    return std::make_shared<FolderDataset>(
        tree_, std::move(name), std::move(level.folders), std::move(items));
  }

  FileTreePtr tree_;
  std::vector<size_t> pictures_, left_out_;
};

}  // namespace

std::optional<Source> open_folder(const FileTreePtr& tree) { return Finder(tree).find(); }

}  // namespace fovea::data
