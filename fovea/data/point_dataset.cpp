#include "fovea/data/point_dataset.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "fovea/data/hash.h"

namespace fovea::data {

namespace {

class PointDataset : public Dataset {
 public:
  PointDataset(std::string name, Points points)
      : name_(std::move(name)), points_(std::move(points)) {
    if (points_.at.size() != points_.labels.size())
      throw std::invalid_argument(fmt::format(
          "[data] {}: expected a label for each of {} points, got {}",
          name_,
          points_.at.size(),
          points_.labels.size()));
    Fnv1a h;
    for (const std::string& c : points_.classes) h.add(c);
    for (int l : points_.labels) h.add(uint64_t(l));
    h.add(std::as_bytes(std::span(points_.at)));
    hash_ = h.value();
  }

  const std::string& name() const override { return name_; }
  const std::vector<std::string>& classes() const override { return points_.classes; }
  int64_t size() const override { return int64_t(points_.at.size()); }
  bool in_memory() const override { return true; }
  uint64_t hash() const override { return hash_; }
  int label(int64_t i) const override { return points_.labels.at(size_t(i)); }
  std::optional<std::array<float, 2>> point(int64_t i) const override {
    return points_.at.at(size_t(i));
  }
  std::string sample_name(int64_t i) const override {
    const auto& [x, y] = points_.at.at(size_t(i));
    return fmt::format("{} #{} ({:.4g}, {:.4g})", name_, i, x, y);
  }
  image::Image image(int64_t, const image::DecodeOptions&) const override {
    throw std::invalid_argument(fmt::format(
        "{} holds points of the plane and no pictures; `fovea toy` and the report of a run draw "
        "them",
        name_));
  }

 private:
  std::string name_;
  Points points_;
  uint64_t hash_ = 0;
};

}  // namespace

DatasetPtr make_point_dataset(std::string name, Points points) {
  return std::make_shared<PointDataset>(std::move(name), std::move(points));
}

bool holds_points(const Dataset& dataset) {
  return dataset.size() > 0 && dataset.point(0).has_value();
}

Points points_of(const Dataset& dataset) {
  Points p;
  p.classes = dataset.classes();
  for (int64_t i = 0; i < dataset.size(); ++i) {
    const auto at = dataset.point(i);
    if (!at)
      throw std::invalid_argument(
          fmt::format("[points_of] expected points of the plane, {} has pictures", dataset.name()));
    p.at.push_back(*at);
    p.labels.push_back(dataset.label(i));
  }
  return p;
}

Source toy_source(const std::string& name) {
  Source source;
  source.train = make_point_dataset(name + "/train", toy_points(name, {.key = Key(1)}));
  source.test = make_point_dataset(name + "/test", toy_points(name, {.key = Key(2)}));
  source.classes = source.train->classes();
  return source;
}

Preprocess point_preprocess(const Points& points, bool normalise) {
  Preprocess p;
  p.channels = 2;
  p.convert_channels = false;
  p.height = p.width = 1;
  p.scale = 1;
  if (!normalise) return p;
  const double n = double(std::max<size_t>(points.at.size(), 1));
  for (size_t c = 0; c < 2; ++c) {
    double sum = 0, squares = 0;
    for (const auto& at : points.at) sum += at[c] / n;
    for (const auto& at : points.at) squares += (at[c] - sum) * (at[c] - sum) / n;
    p.mean.push_back(sum);
    p.std.push_back(std::max(std::sqrt(squares), 1e-6));  // on a line
  }
  return p;
}

}  // namespace fovea::data
