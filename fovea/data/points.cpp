#include "fovea/data/points.h"

#include <algorithm>
#include <cmath>
#include <fstream>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "fovea/core/errors.h"
#include "fovea/core/number_list.h"
#include "fovea/core/text.h"

namespace fovea::data {

namespace {

using At = std::array<double, 2>;

struct Shape2d {
  const char* name;
  int classes;  // 0: as asked
  double noise;
  // The point `t` of the way, from 0 to 1, along class c of n, and the noise on it.
  At (*at)(int c, int n, double t, double noise, Rng& rng);
};

At shaken(At p, double noise, Rng& rng) {
  return {p[0] + noise * rng.normal(), p[1] + noise * rng.normal()};
}

// clang-format off
const Shape2d shapes[] = {
    {"moons", 2, 0.12, [](int c, int, double t, double noise, Rng& rng) {
       const double a = M_PI * t;
       return shaken(c == 0 ? At{std::cos(a), std::sin(a)} : At{1 - std::cos(a), 0.5 - std::sin(a)},
                     noise, rng);
     }},
    {"circles", 2, 0.08, [](int c, int, double t, double noise, Rng& rng) {
       const double a = 2 * M_PI * t, r = c == 0 ? 1 : 0.5;
       return shaken({r * std::cos(a), r * std::sin(a)}, noise, rng);
     }},
    {"spiral", 0, 0.2, [](int c, int n, double t, double noise, Rng& rng) {
       const double a = 2 * M_PI * c / n + 4 * t + noise * rng.normal();  // radians
       return At{t * std::sin(a), t * std::cos(a)};
     }},
    {"blobs", 0, 0.3, [](int c, int n, double, double noise, Rng& rng) {
       const double a = 2 * M_PI * c / n;
       return shaken({std::cos(a), std::sin(a)}, noise, rng);
     }},
};
// clang-format on

struct Line {
  float x, y;
  std::string label;
};

std::string trimmed(std::string_view text) {
  const size_t from = text.find_first_not_of(" \t\r"), to = text.find_last_not_of(" \t\r");
  return from == text.npos ? "" : std::string(text.substr(from, to - from + 1));
}

std::optional<float> number_of(const std::string& text) {
  const auto value = parse_number<float>(text);
  return value && std::isfinite(*value) ? value : std::nullopt;
}

std::vector<std::string> cells_of(const std::string& text) {
  std::vector<std::string> cells;
  for (size_t at = 0;;) {
    const size_t comma = text.find(',', at);
    cells.push_back(trimmed(std::string_view(text).substr(at, comma - at)));
    if (comma == text.npos) return cells;
    at = comma + 1;
  }
}

bool is_heading(const std::string& text) {
  const std::vector<std::string> cells = cells_of(text);
  return !number_of(cells[0]) && (cells.size() < 2 || !number_of(cells[1]));
}

std::optional<Line> line_of(const std::string& text) {
  const std::vector<std::string> cells = cells_of(text);
  if (cells.size() != 3 || cells[2].empty()) return {};
  const auto x = number_of(cells[0]), y = number_of(cells[1]);
  if (!x || !y) return {};
  return Line{*x, *y, cells[2]};
}

}  // namespace

std::vector<std::string> toy_sets() {
  std::vector<std::string> names;
  for (const Shape2d& s : shapes) names.emplace_back(s.name);
  return names;
}

Points toy_points(std::string_view name, const PointOptions& o) {
  const auto* shape =
      std::ranges::find_if(shapes, [&](const Shape2d& s) { return s.name == name; });
  if (shape == std::end(shapes))
    throw std::invalid_argument(fmt::format(
        "unknown points \"{}\"{}; known: {}, or a file of lines x,y,class",
        name,
        did_you_mean(name, toy_sets()),
        fmt::join(toy_sets(), ", ")));
  const int classes = shape->classes ? shape->classes : o.classes;
  if (classes < 2 || o.count < classes)
    throw std::invalid_argument(fmt::format(
        "[toy_points] expected two classes or more and a point of each, got {} and {}",
        classes,
        o.count));
  Rng rng(o.key);
  Points p;
  for (int c = 0; c < classes; ++c) {
    p.classes.push_back(std::to_string(c));
    const int64_t n = (o.count - c + classes - 1) / classes;
    for (int64_t i = 0; i < n; ++i) {
      const At at = shape->at(
          c,
          classes,
          double(i) / double(std::max<int64_t>(n - 1, 1)),
          o.noise.value_or(shape->noise),
          rng);
      p.at.push_back({float(at[0]), float(at[1])});
      p.labels.push_back(c);
    }
  }
  return p;
}

Points read_points(const std::string& path) {
  std::ifstream file(path);
  if (!file) throw IoError(path, "cannot be opened");
  Points p;
  std::vector<std::string> labels;
  int64_t number = 0;
  for (std::string text; std::getline(file, text);) {
    ++number;
    if (number == 1 && text.starts_with("\xef\xbb\xbf")) text.erase(0, 3);  // of UTF-8
    if (trimmed(text).empty()) continue;
    if (number == 1 && is_heading(text)) continue;
    const auto line = line_of(text);
    if (!line)
      throw IoError(
          path,
          fmt::format(
              "line {}: expected x,y,class with two numbers, got \"{}\"",
              number,
              text.substr(0, 60)));
    p.at.push_back({line->x, line->y});
    labels.push_back(line->label);
  }
  p.classes = labels;
  std::ranges::sort(p.classes);
  p.classes.erase(std::unique(p.classes.begin(), p.classes.end()), p.classes.end());
  if (p.classes.size() < 2)
    throw IoError(
        path,
        fmt::format(
            "expected points of two classes or more, got {}, on lines of x,y,class",
            p.classes.size()));
  for (const std::string& label : labels)
    p.labels.push_back(int(std::ranges::lower_bound(p.classes, label) - p.classes.begin()));
  return p;
}

}  // namespace fovea::data
