#include "fovea/train/advice.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "fovea/data/balance.h"
#include "fovea/data/split.h"

namespace fovea::train {

namespace {

constexpr double many_pictures = 1000;  // of a class
constexpr double closed_if_like = 1.0 / 3;

struct Way {
  bool many;
  Likeness likeness;
  std::string_view mode, what;
};

constexpr Way ways[] = {
    {false, Likeness::like, "features", "a linear classifier on the last features"},
    {true, Likeness::like, "all", "fine-tune all of it"},
    {false,
     Likeness::unlike,
     "last",
     "fine-tune the last stages, or a linear classifier on features of an earlier layer"},
    {true,
     Likeness::unlike,
     "all",
     "fine-tune all of it: as from scratch, with these weights to begin from"}};

const Way& way_for(bool many, Likeness likeness) {
  const bool like = likeness != Likeness::unlike;
  return *std::ranges::find_if(
      ways, [&](const Way& w) { return w.many == many && (w.likeness == Likeness::like) == like; });
}

double square(double x) { return x * x; }

// Codes (n, D) with each feature divided by its deviation, those that never change left as they
// are: they move no distance.
std::vector<double> scaled(const Codes& codes) {
  const auto n = size_t(codes.values.dim(0)), size = size_t(codes.values.dim(1));
  const auto given = codes.values.data<float>();
  std::vector<double> x(given.begin(), given.end());
  for (size_t d = 0; d < size; ++d) {
    double mean = 0, squares = 0;
    for (size_t i = 0; i < n; ++i) mean += x[i * size + d] / double(n);
    for (size_t i = 0; i < n; ++i) squares += square(x[i * size + d] - mean) / double(n);
    const double width = squares > 0 ? std::sqrt(squares) : 1;
    for (size_t i = 0; i < n; ++i) x[i * size + d] = (x[i * size + d] - mean) / width;
  }
  return x;
}

// The pictures of each class that has at least two, by their rows.
std::vector<std::vector<size_t>> rows_by_class(const Codes& codes) {
  std::vector<std::vector<size_t>> rows;
  const auto labels = codes.labels.data<int32_t>();
  for (size_t i = 0; i < labels.size(); ++i) {
    const auto label = size_t(labels[i]);
    if (label >= rows.size()) rows.resize(label + 1);
    rows[label].push_back(i);
  }
  std::erase_if(rows, [](const auto& of_class) { return of_class.size() < 2; });
  return rows;
}

// The squared distance of x to the mean of `count` pictures whose sum is given.
double distance(
    std::span<const double> x, std::span<const double> sum, double count, bool without_x) {
  const double m = without_x ? count - 1 : count;
  double total = 0;
  for (size_t d = 0; d < x.size(); ++d)
    total += square(x[d] - (sum[d] - (without_x ? x[d] : 0)) / m);
  return total * m / (m + 1);
}

}  // namespace

std::optional<Separation> separation_of(const Codes& codes) {
  const auto rows = rows_by_class(codes);
  if (rows.size() < 2) return {};
  const std::vector<double> values = scaled(codes);
  const auto size = size_t(codes.values.dim(1));
  auto row = [&](size_t i) { return std::span(values).subspan(i * size, size); };
  std::vector<std::vector<double>> sums(rows.size(), std::vector<double>(size));
  for (size_t c = 0; c < rows.size(); ++c)
    for (size_t i : rows[c])
      for (size_t d = 0; d < size; ++d) sums[c][d] += row(i)[d];

  Separation s{.classes = int64_t(rows.size())};
  const double chance = s.chance();
  double variance = 0;
  for (size_t c = 0; c < rows.size(); ++c) {
    const auto count = double(rows[c].size());
    int64_t right = 0;
    for (size_t i : rows[c]) {
      const double own = distance(row(i), sums[c], count, true);
      double other = std::numeric_limits<double>::infinity();
      for (size_t k = 0; k < rows.size(); ++k)
        if (k != c)
          other = std::min(other, distance(row(i), sums[k], double(rows[k].size()), false));
      right += own < other;
    }
    s.pictures += int64_t(rows[c].size());
    s.right += double(right) / count / double(s.classes);
    variance += chance * (1 - chance) / count / double(s.classes * s.classes);
  }
  s.error = std::sqrt(variance);
  return s;
}

std::vector<int64_t> separation_samples(const data::Dataset& dataset, Key key) {
  constexpr size_t most_pictures = 256, most_classes = 64;
  std::vector<std::vector<int64_t>> by_class = data::samples_by_class(dataset);
  std::erase_if(by_class, [](const auto& of_class) { return of_class.size() < 2; });
  if (by_class.size() < 2) return {};
  auto order = data::permutation(int64_t(by_class.size()), key);
  order.resize(std::min(order.size(), most_classes));
  const size_t each = most_pictures / order.size();
  std::vector<int64_t> samples;
  for (int64_t c : order) {
    const std::vector<int64_t>& all = by_class[size_t(c)];
    auto drawn = data::permutation(int64_t(all.size()), key.fold_in(uint64_t(c)));
    drawn.resize(std::min(drawn.size(), each));
    for (int64_t i : drawn) samples.push_back(all[size_t(i)]);
  }
  std::ranges::sort(samples);
  return samples;
}

Likeness likeness_of(const std::optional<Separation>& s) {
  if (!s) return Likeness::unknown;
  if (s->closed() < closed_if_like) return Likeness::unlike;
  return s->right - s->chance() > 2 * s->error ? Likeness::like : Likeness::unknown;
}

std::string_view name_of(Likeness likeness) {
  if (likeness == Likeness::unknown) return "unknown";
  return likeness == Likeness::like ? "like" : "unlike";
}

Advice advise(std::span<const int64_t> counts, const std::optional<Separation>& separation) {
  Advice a{.mode = {}, .likeness = likeness_of(separation), .separation = separation, .reason = {}};
  double total = 0;
  for (int64_t n : counts) total += double(n);
  a.mean = counts.empty() ? 0 : total / double(counts.size());
  a.smallest = counts.empty() ? 0 : *std::ranges::min_element(counts);
  a.many = a.mean >= many_pictures;
  a.mode = way_for(a.many, a.likeness).mode;
  a.reason = fmt::format(
      "pictures of a class: {:.4g} on the mean, {} in the smallest, which is {} ({:.0f} would be "
      "many)",
      a.mean,
      a.smallest,
      a.many ? "many" : "few",
      many_pictures);
  const std::string_view cautious = a.many ? "" : "; the marked way trains least";
  if (!separation) {
    a.reason += fmt::format(
        "; whether they are like what the model knows cannot be told, for that takes two pictures "
        "of two classes{}",
        cautious);
    return a;
  }
  a.reason += fmt::format(
      "; by what the model makes of them, {:.0f} % of {} pictures of {} classes lie nearest to "
      "their own, and {:.0f} % would by chance: ",
      100 * separation->right,
      separation->pictures,
      separation->classes,
      100 * separation->chance());
  if (a.likeness == Likeness::unknown)
    a.reason += fmt::format("too few to tell whether they are like what it knows{}", cautious);
  else
    a.reason += fmt::format(
        "{:.0f} % of the way to all of them, so they are {} what it knows (like: a third of it)",
        100 * std::max(0.0, separation->closed()),
        name_of(a.likeness));
  return a;
}

std::string advice_text(const Advice& a) {
  std::string text = a.reason;
  const Way& chosen = way_for(a.many, a.likeness);
  for (const Way& w : ways)
    text += fmt::format(
        "\n  {} {:<4} {:<7} --mode {:<9} {}",
        &w == &chosen ? '>' : ' ',
        w.many ? "many" : "few",
        name_of(w.likeness),
        w.mode,
        w.what);
  return text;
}

}  // namespace fovea::train
