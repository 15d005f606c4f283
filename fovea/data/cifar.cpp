#include "fovea/data/cifar.h"

#include <algorithm>
#include <sstream>

#include <fmt/format.h>

#include "fovea/core/errors.h"
#include "fovea/core/text.h"
#include "fovea/data/cifar_pickle.h"

namespace fovea::data {

namespace {

constexpr size_t side = 32, plane = side * side;

struct Kind {
  int classes;
  size_t label_bytes;  // the last of them is the label
  const char* names_file;
  // The same in the Python version: keys of the dicts, and the file of names.
  const char *labels_key, *names_key, *meta_file;
  size_t record() const { return label_bytes + 3 * plane; }
};
constexpr Kind cifar10{10, 1, "batches.meta.txt", "labels", "label_names", "batches.meta"};
constexpr Kind cifar100{100, 2, "fine_label_names.txt", "fine_labels", "fine_label_names", "meta"};

struct Records {
  Pixels pixels{.height = int(side), .width = int(side), .channels = 3};
  std::vector<int> labels;
};

// From red, green and blue planes.
void append_picture(Records& to, const uint8_t* planes) {
  for (size_t p = 0; p < plane; ++p)
    for (size_t c = 0; c < 3; ++c) to.pixels.bytes.push_back(planes[c * plane + p]);
}

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
    append_picture(to, bytes.data() + at + kind.label_bytes);
  }
}

// The same for a batch of the Python version.
void append(Records& to, const CifarBatch& batch, const Kind& kind, const std::string& name) {
  for (size_t i = 0; i < batch.labels.size(); ++i) {
    int label = batch.labels[i];
    if (label < 0 || label >= kind.classes)
      throw IoError(
          name,
          fmt::format(
              "expected CIFAR-{} labels below {}, got {} for picture {}",
              kind.classes,
              kind.classes,
              label,
              i));
    to.labels.push_back(label);
    append_picture(to, batch.planes.data() + i * 3 * plane);
  }
}

std::optional<size_t> find(const FileTree& tree, const std::string& wanted) {
  for (size_t i = 0; i < tree.files().size(); ++i) {
    const auto& path = tree.files()[i].path;
    if (path == wanted || path.ends_with("/" + wanted)) return i;
  }
  return std::nullopt;
}

std::vector<std::string> lines_of(const std::vector<uint8_t>& bytes) {
  std::vector<std::string> lines;
  std::istringstream text(std::string(bytes.begin(), bytes.end()));
  for (std::string line; std::getline(text, line);) {
    while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.pop_back();
    if (!line.empty()) lines.push_back(line);
  }
  return lines;
}

// One name a line, or those of the Python version, or numbers where both files are missing.
std::vector<std::string> class_names(const FileTree& tree, const Kind& kind) {
  std::vector<std::string> names;
  auto file = find(tree, kind.names_file);
  if (file) {
    names = lines_of(tree.read(*file));
  } else if ((file = find(tree, kind.meta_file))) {
    names = parse_cifar_names(tree.read(*file), tree.full_name(*file), kind.names_key);
  } else {
    for (int c = 0; c < kind.classes; ++c) names.push_back(std::to_string(c));
  }
  if (names.size() != size_t(kind.classes))
    throw IoError(
        tree.full_name(*file),
        fmt::format("expected {} class names, got {}", kind.classes, names.size()));
  return names;
}

// The pictures of `files` (names of the binary version) or of their Python twins.
DatasetPtr read_files(
    const FileTree& tree,
    const std::vector<std::string>& files,
    const Kind& kind,
    const std::string& split) {
  Records records;
  bool python = find(tree, kind.meta_file).has_value();
  for (const auto& wanted : files) {
    std::string stem = wanted.substr(0, wanted.find('.'));
    if (auto file = find(tree, wanted)) {
      append(records, tree.read(*file), kind, tree.full_name(*file));
    } else if (python && (file = find(tree, stem))) {
      auto name = tree.full_name(*file);
      append(records, parse_cifar_pickle(tree.read(*file), name, kind.labels_key), kind, name);
    }
  }
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
