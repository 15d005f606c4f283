#include "fovea/data/summary.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <stdexcept>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "fovea/core/errors.h"
#include "fovea/data/scan.h"

namespace fovea::data {

namespace {

using Json = nlohmann::ordered_json;

Spread spread_of(std::vector<int>& values) {
  if (values.empty()) return {};
  auto middle = values.begin() + ptrdiff_t((values.size() - 1) / 2);
  std::nth_element(values.begin(), middle, values.end());
  Spread s{.median = *middle};
  s.min = *std::min_element(values.begin(), values.end());
  s.max = *std::max_element(values.begin(), values.end());
  return s;
}

// What one thread of the scan has seen; alpha is not counted.
struct Seen {
  std::vector<int> heights, widths;
  bool colours = false;
  std::array<std::array<uint64_t, 256>, 3> histogram{};

  void add(const image::Image& image) {
    heights.push_back(image.height);
    widths.push_back(image.width);
    auto step = size_t(image.channels);
    bool grey = step < 3;
    colours |= !grey;
    for (size_t i = 0; i < image.pixels.size(); i += step)
      for (size_t c = 0; c < 3; ++c) ++histogram[c][image.pixels[grey ? i : i + c]];
  }

  void add(const Seen& other) {
    heights.insert(heights.end(), other.heights.begin(), other.heights.end());
    widths.insert(widths.end(), other.widths.begin(), other.widths.end());
    colours |= other.colours;
    for (size_t c = 0; c < 3; ++c)
      for (size_t v = 0; v < 256; ++v) histogram[c][v] += other.histogram[c][v];
  }
};

SplitSummary summarise_split(const std::string& split, const Dataset& dataset, int threads) {
  SplitSummary s;
  s.split = split;
  s.name = dataset.name();
  s.fingerprint = fingerprint(dataset);
  s.size = dataset.size();
  s.counts = class_counts(dataset);
  std::vector<Seen> per_thread(size_t(std::max(threads, 1)));
  auto corrupt = scan(dataset, threads, {}, [&](int t, int64_t, const image::Image& image) {
    per_thread[size_t(t)].add(image);
  });
  for (const auto& [i, message] : corrupt) s.corrupt.emplace(dataset.sample_name(i), message);
  Seen all;
  for (const auto& seen : per_thread) all.add(seen);
  s.stats.images = int64_t(all.heights.size());
  if (s.stats.images == 0) return s;
  s.height = spread_of(all.heights);
  s.width = spread_of(all.widths);
  s.channels = all.colours ? 3 : 1;
  for (size_t c = 0; c < size_t(s.channels); ++c) add_channel(s.stats, all.histogram[c], 1.0 / 255);
  return s;
}

Json to_json_value(const Spread& s) {
  return {{"min", s.min}, {"median", s.median}, {"max", s.max}};
}

}  // namespace

Summary summarise(const Source& source, int threads) {
  Summary summary{.classes = source.classes, .notes = source.notes, .splits = {}};
  if (source.train) summary.splits.push_back(summarise_split("train", *source.train, threads));
  if (source.val) summary.splits.push_back(summarise_split("val", *source.val, threads));
  if (source.test) summary.splits.push_back(summarise_split("test", *source.test, threads));
  return summary;
}

std::string Summary::to_json() const {
  Json j;
  j["classes"] = classes;
  j["notes"] = notes;
  j["splits"] = Json::array();
  for (const auto& s : splits) {
    Json counts = Json::object();
    for (size_t c = 0; c < classes.size(); ++c) counts[classes[c]] = s.counts[c];
    j["splits"].push_back(
        {{"split", s.split},
         {"name", s.name},
         {"fingerprint", s.fingerprint},
         {"size", s.size},
         {"counts", counts},
         {"height", to_json_value(s.height)},
         {"width", to_json_value(s.width)},
         {"channels", s.channels},
         {"mean", s.stats.mean},
         {"std", s.stats.std},
         {"corrupt", s.corrupt}});
  }
  // File names need not be UTF-8.
  return j.dump(2, ' ', false, Json::error_handler_t::replace);
}

image::Image contact_sheet(
    const Dataset& dataset, int per_class, int max_classes, image::SheetOptions options) {
  if (per_class < 1 || max_classes < 1)
    throw std::invalid_argument(fmt::format(
        "[contact_sheet] expected at least 1 picture of 1 class, got {} of {}",
        per_class,
        max_classes));
  auto rows = std::min(dataset.classes().size(), size_t(max_classes));
  auto columns = size_t(per_class);
  std::vector<std::vector<image::Image>> found(rows);
  size_t missing = rows * columns;
  for (int64_t i = 0; i < dataset.size() && missing > 0; ++i) {
    auto label = size_t(dataset.label(i));
    if (label >= rows || found[label].size() == columns) continue;
    try {
      found[label].push_back(dataset.image(i, {.channels = 3, .min_size = options.cell}));
      --missing;
    } catch (const IoError&) {  // unreadable ones are summarise()'s business
    }
  }
  std::vector<image::Image> images;
  std::vector<std::string> captions;
  for (size_t c = 0; c < rows; ++c) {
    found[c].resize(columns, image::Image(1, 1, 3, 255));
    for (auto& image : found[c]) {
      images.push_back(std::move(image));
      captions.push_back(dataset.classes()[c]);
    }
  }
  options.columns = per_class;
  return image::contact_sheet(images, captions, options);
}

}  // namespace fovea::data
