#include "fovea/data/cifar.h"

#include <algorithm>
#include <sstream>

#include <fmt/format.h>

#include "fovea/core/errors.h"
#include "fovea/core/text.h"

namespace fovea::data {

namespace {

constexpr size_t side = 32, plane = side * side;

struct Kind {
  int classes;
  size_t label_bytes;  // the last of them is the label
  const char* names_file;
  size_t record() const { return label_bytes + 3 * plane; }
};
constexpr Kind cifar10{10, 1, "batches.meta.txt"}, cifar100{100, 2, "fine_label_names.txt"};

struct Records {
  Pixels pixels{.height = int(side), .width = int(side), .channels = 3};
  std::vector<int> labels;
};

void append(
    Records& to, const std::vector<uint8_t>& bytes, const Kind& kind, const std::string& name) {
  if (bytes.empty() || bytes.size() % kind.record() != 0)
    throw IoError(
        name,
        fmt::format(
            "expected whole CIFAR-{} records of {} bytes, got {} bytes; truncated?",
            kind.classes,
            kind.record(),
            bytes.size()),
        bytes.size() - bytes.size() % kind.record());
  for (size_t at = 0; at < bytes.size(); at += kind.record()) {
    int label = bytes[at + kind.label_bytes - 1];
    if (label >= kind.classes)
      throw IoError(
          name,
          fmt::format(
              "expected a CIFAR-{} label below {}, got {}", kind.classes, kind.classes, label),
          at + kind.label_bytes - 1);
    to.labels.push_back(label);
    const uint8_t* red = bytes.data() + at + kind.label_bytes;
    for (size_t p = 0; p < plane; ++p)
      for (size_t c = 0; c < 3; ++c) to.pixels.bytes.push_back(red[c * plane + p]);
  }
}

std::optional<size_t> find(const FileTree& tree, const std::string& wanted) {
  for (size_t i = 0; i < tree.files().size(); ++i) {
    const auto& path = tree.files()[i].path;
    if (path == wanted || path.ends_with("/" + wanted)) return i;
  }
  return std::nullopt;
}

// One name a line, or numbers where the file is missing.
std::vector<std::string> class_names(const FileTree& tree, const Kind& kind) {
  std::vector<std::string> names;
  if (auto file = find(tree, kind.names_file)) {
    auto bytes = tree.read(*file);
    std::istringstream text(std::string(bytes.begin(), bytes.end()));
    for (std::string line; std::getline(text, line);) {
      while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.pop_back();
      if (!line.empty()) names.push_back(line);
    }
    if (names.size() != size_t(kind.classes))
      throw IoError(
          tree.full_name(*file),
          fmt::format("expected {} class names, got {}", kind.classes, names.size()));
    return names;
  }
  for (int c = 0; c < kind.classes; ++c) names.push_back(std::to_string(c));
  return names;
}

DatasetPtr read_files(
    const FileTree& tree,
    const std::vector<std::string>& files,
    const Kind& kind,
    const std::string& split) {
  Records records;
  for (const auto& wanted : files)
    if (auto file = find(tree, wanted))
      append(records, tree.read(*file), kind, tree.full_name(*file));
  if (records.labels.empty()) return nullptr;
  return make_pixel_dataset(
      tree.name() + "/" + split,
      class_names(tree, kind),
      std::move(records.pixels),
      std::move(records.labels));
}

}  // namespace

std::optional<Source> open_cifar(const FileTree& tree) {
  std::vector<std::string> batches;
  for (int i = 1; i <= 5; ++i) batches.push_back(fmt::format("data_batch_{}.bin", i));
  Source source;
  source.train = read_files(tree, batches, cifar10, "train");
  source.test = read_files(tree, {"test_batch.bin"}, cifar10, "test");
  if (source.train || source.test) return source;
  source.train = read_files(tree, {"train.bin"}, cifar100, "train");
  source.test = read_files(tree, {"test.bin"}, cifar100, "test");
  if (source.train || source.test) return source;
  return std::nullopt;
}

Source open_cifar_file(const std::filesystem::path& path) {
  auto file = std::filesystem::absolute(path);
  auto tree = open_directory(file.parent_path(), false);
  auto index = find(*tree, file.filename().string());
  if (!index) throw IoError(path.string(), "cannot be read");
  auto bytes = tree->read(*index);
  // Names beside the file decide; else the size does, and CIFAR-10 wins a tie.
  bool fine = find(*tree, cifar100.names_file) && !find(*tree, cifar10.names_file);
  if (bytes.size() % cifar10.record() != 0 && bytes.size() % cifar100.record() == 0) fine = true;
  const Kind& kind = fine ? cifar100 : cifar10;
  Records records;
  append(records, bytes, kind, path.string());
  Source source;
  source.train = make_pixel_dataset(
      path.string(),
      class_names(*tree, kind),
      std::move(records.pixels),
      std::move(records.labels));
  return source;
}

}  // namespace fovea::data
