// What can be wrong with pictures and labels before anything is trained.
#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <cmath>
#include <optional>

#include <fmt/format.h>

#include "fovea/core/errors.h"
#include "fovea/data/balance.h"
#include "fovea/data/hash.h"
#include "fovea/data/point_dataset.h"
#include "fovea/doctor/checks.h"
#include "fovea/image/resize.h"
#include "fovea/models/layers.h"

namespace fovea::doctor {

namespace {

// What is kept of a picture to find it again.
struct Print {
  int64_t sample;
  uint64_t hash;                   // of its pixels
  uint64_t difference;             // 8 x 8 signs of the steps along rows of a 9 x 8 thumbnail
  std::array<uint8_t, 256> small;  // 16 x 16, grey
};

struct Prints {
  std::vector<Print> all;
  std::vector<std::string> corrupt;
};

Print print_of(int64_t sample, const image::Image& picture) {
  Print p{sample, 0, 0, {}};
  data::Fnv1a hash;
  hash.add(uint64_t(picture.width));
  hash.add(std::as_bytes(std::span(picture.pixels)));
  p.hash = hash.value();
  const image::Image grey = image::to_grey(picture);
  const image::Image steps = image::resize(grey, 8, 9, image::Filter::box);
  for (int y = 0; y < 8; ++y)
    for (int x = 0; x < 8; ++x)
      p.difference = p.difference << 1 | uint64_t(steps.at(y, x) < steps.at(y, x + 1));
  const image::Image small = image::resize(grey, 16, 16, image::Filter::box);
  std::copy_n(small.pixels.begin(), p.small.size(), p.small.begin());
  return p;
}

// How many pictures can be looked at, by the time that some take.
int64_t affordable(const data::Dataset& dataset, const CheckOptions& o) {
  const int64_t n = std::min(dataset.size(), o.pictures), tried = std::min<int64_t>(n, 8);
  const auto begin = std::chrono::steady_clock::now();
  for (int64_t k = 0; k < tried; ++k) {
    try {
      print_of(0, dataset.image(k * dataset.size() / tried));
    } catch (const IoError&) {  // prints_of counts it
    }
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  const double each = took.count() / double(std::max<int64_t>(tried, 1));
  return std::max(tried, int64_t(std::min(double(n), o.look_seconds / std::max(each, 1e-9))));
}

Prints prints_of(const data::Dataset& dataset, const CheckOptions& o) {
  Prints prints;
  const int64_t n = affordable(dataset, o);
  for (int64_t k = 0; k < n; ++k) {
    const int64_t i = k * dataset.size() / n;
    try {
      prints.all.push_back(print_of(i, dataset.image(i)));
    } catch (const IoError& e) {
      prints.corrupt.push_back(e.what());
    }
  }
  std::sort(prints.all.begin(), prints.all.end(), [](const Print& a, const Print& b) {
    return std::pair(a.hash, a.sample) < std::pair(b.hash, b.sample);
  });
  return prints;
}

// Equal to the eye: thumbnails that differ, brightness aside, by less than a level in the mean, or
// than 1/24 of what there is to see in one.
bool nearly_equal(const Print& a, const Print& b) {
  if (std::popcount(a.difference ^ b.difference) > 10) return false;
  const auto n = int(a.small.size());
  int brighter = 0, bright = 0, sum = 0, contrast = 0;
  for (size_t i = 0; i < a.small.size(); ++i) {
    brighter += a.small[i] - b.small[i];
    bright += b.small[i];
  }
  for (size_t i = 0; i < a.small.size(); ++i) {
    sum += std::abs(n * (a.small[i] - b.small[i]) - brighter);
    contrast += std::abs(n * b.small[i] - bright);
  }
  return sum < std::max(n * n, contrast / 24);
}

const Print* find_equal(const std::vector<Print>& sorted, uint64_t hash) {
  auto at = std::lower_bound(
      sorted.begin(), sorted.end(), hash, [](const Print& p, uint64_t h) { return p.hash < h; });
  return at != sorted.end() && at->hash == hash ? &*at : nullptr;
}

void check_leak(
    const data::Dataset& train,
    const Prints& of_train,
    const data::Dataset& other,
    const char* split,
    const CheckOptions& o,
    Findings& found) {
  const Prints prints = prints_of(other, o);
  int64_t exact = 0, near = 0;
  std::string example;
  for (const Print& p : prints.all) {
    const Print* twin = find_equal(of_train.all, p.hash);
    exact += twin != nullptr;
    if (!twin) {
      auto at = std::find_if(of_train.all.begin(), of_train.all.end(), [&](const Print& t) {
        return nearly_equal(p, t);
      });
      if (at != of_train.all.end()) twin = &*at;
      near += twin != nullptr;
    }
    if (twin && example.empty())
      example =
          fmt::format("{} and {}", train.sample_name(twin->sample), other.sample_name(p.sample));
  }
  const double share = double(exact + near) / double(std::max<size_t>(1, prints.all.size()));
  if (exact + near == 0) return;
  found.push_back(
      {"data.leak",
       share >= 0.01 ? Severity::problem
       : exact > 0   ? Severity::warning
                     : Severity::note,  // a few may only look alike
       exact > 0 ? 1 : 0.8,
       fmt::format(
           "{} of {} {} pictures are in the training split as well, {} of them bit by bit: {}",
           exact + near,
           prints.all.size(),
           split,
           exact,
           example),
       "take them out of one split; until then the scores on it are too good"});
}

// Equal pictures within the training split.
void check_twins(const data::Dataset& train, const std::vector<Print>& sorted, Findings& found) {
  int64_t same = 0, conflicts = 0;
  std::string example;
  for (size_t i = 1; i < sorted.size(); ++i) {
    if (sorted[i].hash != sorted[i - 1].hash) continue;
    ++same;
    const int64_t a = sorted[i - 1].sample, b = sorted[i].sample;
    if (train.label(a) == train.label(b)) continue;
    if (conflicts++ == 0)
      example = fmt::format(
          "{} is {}, {} is {}",
          train.sample_name(a),
          train.classes()[size_t(train.label(a))],
          train.sample_name(b),
          train.classes()[size_t(train.label(b))]);
  }
  const auto all = double(sorted.size());
  if (!sorted.empty() && sorted.front().hash == sorted.back().hash && sorted.size() > 1) {
    found.push_back(
        {"data.constant",
         Severity::problem,
         1,
         fmt::format("all {} training pictures are the same", sorted.size()),
         "look at the files: were they written by a program that failed?"});
    return;
  }
  if (conflicts > 0)
    found.push_back(
        {"labels.conflict",
         double(conflicts) >= 0.01 * all ? Severity::problem : Severity::warning,
         1,
         fmt::format(
             "{} pictures stand in the training split with two labels: {}", conflicts, example),
         "decide which label is right; a network can only learn one of them"});
  if (double(same - conflicts) > 0.05 * all)
    found.push_back(
        {"data.twins",
         Severity::warning,
         1,
         fmt::format("{} of {} training pictures are copies of others", same - conflicts, all),
         "keep one of each: copies weigh like more epochs, and a random split leaks them"});
}

void check_counts(const Patient& p, Findings& found) {
  const data::Dataset& train = *p.setup.source.train;
  const std::vector<int64_t> counts = data::class_counts(train);
  const bool answered =
      p.recipe.balance || p.recipe.focal_gamma || p.recipe.weighting != train::ClassWeighting::none;
  if (const auto uneven = data::imbalance(train, 10); uneven && !answered)
    found.push_back(
        {"data.imbalance",
         Severity::warning,
         1,
         *uneven,
         "weigh the classes or draw the rare ones more often, and judge by the recall of each "
         "class"});
  else if (p.recipe.from.empty() && train.size() < 20 * int64_t(counts.size()))
    found.push_back(
        {"data.few",
         Severity::warning,
         0.8,
         fmt::format("{} training pictures for {} classes", train.size(), counts.size()),
         "begin from a trained model (fovea finetune), or gather more"});
  const data::DatasetPtr& val = p.setup.source.val;
  if (val && val->size() < 5 * int64_t(counts.size()))
    found.push_back(
        {"data.validation",
         Severity::note,
         1,
         fmt::format(
             "{} pictures for validation: one is {:.1f} % of the score",
             val->size(),
             100.0 / double(std::max<int64_t>(1, val->size()))),
         "take differences of a few pictures for chance, or give data.val a larger share"});
}

// Not of a model that is fine-tuned: its inputs are as its preprocessing makes them, which may be
// far from unit deviation by design (Caffe's), and no setting changes that.
void check_inputs(const Patient& p, const CheckOptions& o, Findings& found) {
  if (!p.recipe.from.empty()) return;
  const Tensor& x = p.batch(o.inputs).images;
  const auto values = x.data<float>();
  double sum = 0, squares = 0;
  for (float v : values) {
    sum += v;
    squares += double(v) * v;
  }
  const double n = double(values.size()), mean = sum / n;
  const double std = std::sqrt(std::max(0.0, squares / n - mean * mean));
  const data::Preprocess& pre = p.setup.model.preprocess;
  const bool normalised = !pre.mean.empty();
  const std::string saw = fmt::format(
      "inputs have mean {:.3g} and standard deviation {:.3g}, {}",
      mean,
      std,
      normalised ? "after subtracting the recorded mean and dividing by the recorded deviation"
                 : "as they are not normalised");
  const bool odd = !std::isfinite(mean) || std < 0.2 || std > 5 || std::abs(mean) > std;
  if (!odd) return;
  if (!normalised && !models::reads_colours(p.setup.model.architecture.layers).empty()) return;
  if (normalised)
    found.push_back(
        {"input.statistics",
         Severity::problem,
         0.9,
         saw,
         "the recorded statistics are not those of this data, or it was normalised before: leave "
         "model.init and data.normalize to find them again"});
  else
    found.push_back(
        {"input.unnormalised",
         std::abs(mean) > 2 * std ? Severity::problem : Severity::warning,
         0.9,
         saw,
         "let the statistics be measured: data.normalize = auto",
         {{"data.normalize", "auto"}}});
}

void check_pictures(const data::Source& source, const CheckOptions& o, Findings& found) {
  const Prints prints = prints_of(*source.train, o);
  if (!prints.corrupt.empty())
    found.push_back(
        {"data.corrupt",
         Severity::warning,
         1,
         fmt::format(
             "{} training pictures cannot be read, the first: {}",
             prints.corrupt.size(),
             prints.corrupt.front()),
         "delete or replace them; training leaves them out"});
  check_twins(*source.train, prints.all, found);
  if (source.val) check_leak(*source.train, prints, *source.val, "validation", o, found);
  if (source.test) check_leak(*source.train, prints, *source.test, "test", o, found);
}

}  // namespace

void check_data(const Patient& p, const CheckOptions& o, Findings& found) {
  if (!data::holds_points(*p.setup.source.train)) check_pictures(p.setup.source, o, found);
  check_counts(p, found);
  check_inputs(p, o, found);
}

}  // namespace fovea::doctor
