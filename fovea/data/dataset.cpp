#include "fovea/data/dataset.h"

#include <algorithm>
#include <map>
#include <stdexcept>

#include <fmt/format.h>
#include <zlib.h>

#include "fovea/core/text.h"
#include "fovea/core/utf8.h"
#include "fovea/data/hash.h"

namespace fovea::data {

namespace {

void check_index(const Dataset& dataset, int64_t i) {
  if (i < 0 || i >= dataset.size())
    throw std::out_of_range(fmt::format(
        "[data] expected a sample index in [0, {}) of {}, got {}",
        dataset.size(),
        dataset.name(),
        i));
}

class PixelDataset : public Dataset {
 public:
  PixelDataset(
      std::string name, std::vector<std::string> classes, Pixels pixels, std::vector<int> labels)
      : name_(std::move(name)),
        classes_(std::move(classes)),
        pixels_(std::move(pixels)),
        labels_(std::move(labels)),
        stride_(size_t(pixels_.height) * size_t(pixels_.width) * size_t(pixels_.channels)) {
    if (pixels_.bytes.size() != stride_ * labels_.size())
      throw std::invalid_argument(fmt::format(
          "[data] {}: expected {} pictures of {} bytes, got {} bytes",
          name_,
          labels_.size(),
          stride_,
          pixels_.bytes.size()));
    for (size_t i = 0; i < labels_.size(); ++i)
      if (labels_[i] < 0 || size_t(labels_[i]) >= classes_.size())
        throw std::invalid_argument(fmt::format(
            "[data] {}: expected labels in [0, {}), got {} at sample {}",
            name_,
            classes_.size(),
            labels_[i],
            i));
    Fnv1a h;
    for (int n : {pixels_.height, pixels_.width, pixels_.channels}) h.add(uint64_t(n));
    for (const auto& c : classes_) h.add(c);
    for (int l : labels_) h.add(uint64_t(l));
    h.add(uint64_t(crc32_z(crc32_z(0, nullptr, 0), pixels_.bytes.data(), pixels_.bytes.size())));
    hash_ = h.value();
  }

  const std::string& name() const override { return name_; }
  const std::vector<std::string>& classes() const override { return classes_; }
  int64_t size() const override { return int64_t(labels_.size()); }
  bool in_memory() const override { return true; }
  uint64_t hash() const override { return hash_; }
  int label(int64_t i) const override {
    check_index(*this, i);
    return labels_[size_t(i)];
  }
  std::string sample_name(int64_t i) const override {
    check_index(*this, i);
    return fmt::format("{} #{}", name_, i);
  }
  image::Image image(int64_t i, const image::DecodeOptions& how) const override {
    check_index(*this, i);
    image::Image result;
    result.height = pixels_.height;
    result.width = pixels_.width;
    result.channels = pixels_.channels;
    auto first = pixels_.bytes.begin() + ptrdiff_t(size_t(i) * stride_);
    result.pixels.assign(first, first + ptrdiff_t(stride_));
    if (how.channels == 0 || how.channels == result.channels) return result;
    return image::convert(std::move(result), how.channels);
  }

 private:
  std::string name_;
  std::vector<std::string> classes_;
  Pixels pixels_;
  std::vector<int> labels_;
  size_t stride_;
  uint64_t hash_ = 0;
};

// Some samples of another dataset, with labels of its own.
class View : public Dataset {
 public:
  View(
      DatasetPtr base,
      std::string name,
      std::vector<std::string> classes,
      std::vector<int64_t> indices,
      std::vector<int> labels)
      : base_(std::move(base)),
        name_(std::move(name)),
        classes_(std::move(classes)),
        indices_(std::move(indices)),
        labels_(std::move(labels)) {}

  const std::string& name() const override { return name_; }
  const std::vector<std::string>& classes() const override { return classes_; }
  int64_t size() const override { return int64_t(indices_.size()); }
  bool in_memory() const override { return base_->in_memory(); }
  int label(int64_t i) const override {
    check_index(*this, i);
    return labels_[size_t(i)];
  }
  std::string sample_name(int64_t i) const override { return base_->sample_name(at(i)); }
  image::Image image(int64_t i, const image::DecodeOptions& how) const override {
    return base_->image(at(i), how);
  }
  std::optional<std::array<float, 2>> point(int64_t i) const override {
    return base_->point(at(i));
  }
  uint64_t hash() const override {
    Fnv1a h;
    h.add(base_->hash());
    for (const auto& c : classes_) h.add(c);
    for (int64_t i : indices_) h.add(uint64_t(i));
    for (int l : labels_) h.add(uint64_t(l));
    return h.value();
  }

 private:
  int64_t at(int64_t i) const {
    check_index(*this, i);
    return indices_[size_t(i)];
  }

  DatasetPtr base_;
  std::string name_;
  std::vector<std::string> classes_;
  std::vector<int64_t> indices_;
  std::vector<int> labels_;
};

}  // namespace

std::string fingerprint(const Dataset& dataset) {
  return fmt::format("{}x{}-{:016x}", dataset.size(), dataset.classes().size(), dataset.hash());
}

std::vector<int64_t> class_counts(const Dataset& dataset) {
  std::vector<int64_t> counts(dataset.classes().size());
  for (int64_t i = 0; i < dataset.size(); ++i) ++counts[size_t(dataset.label(i))];
  return counts;
}

DatasetPtr make_pixel_dataset(
    std::string name, std::vector<std::string> classes, Pixels pixels, std::vector<int> labels) {
  return std::make_shared<PixelDataset>(
      std::move(name), std::move(classes), std::move(pixels), std::move(labels));
}

DatasetPtr subset(DatasetPtr base, std::vector<int64_t> indices, std::string name) {
  std::vector<int> labels;
  labels.reserve(indices.size());
  for (int64_t i : indices) labels.push_back(base->label(i));
  if (name.empty()) name = base->name();
  auto classes = base->classes();
  return std::make_shared<View>(
      std::move(base), std::move(name), std::move(classes), std::move(indices), std::move(labels));
}

DatasetPtr with_classes(DatasetPtr base, const std::vector<std::string>& classes) {
  if (base->classes() == classes) return base;
  std::map<std::string, int> index;
  for (size_t i = 0; i < classes.size(); ++i) index[classes[i]] = int(i);
  auto counts = class_counts(*base);
  std::vector<std::string> unknown;
  std::vector<int> map(base->classes().size(), -1);
  for (size_t i = 0; i < map.size(); ++i) {
    auto found = index.find(to_utf8(base->classes()[i]));
    if (found != index.end())
      map[i] = found->second;
    else if (counts[i] > 0)
      unknown.push_back(base->classes()[i]);
  }
  if (!unknown.empty())
    throw DataError(fmt::format(
        "[data] {} has classes that are not among the {} expected ones: {}; expected {}. Rename or "
        "remove these folders{}",
        base->name(),
        classes.size(),
        list_of(unknown),
        list_of(classes),
        did_you_mean(unknown.front(), classes)));
  std::vector<int64_t> indices;
  std::vector<int> labels;
  for (int64_t i = 0; i < base->size(); ++i) {
    indices.push_back(i);
    labels.push_back(map[size_t(base->label(i))]);
  }
  auto name = base->name();
  return std::make_shared<View>(
      std::move(base), std::move(name), classes, std::move(indices), std::move(labels));
}

}  // namespace fovea::data
