#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fovea/core/random.h"

namespace fovea::data {

// Labelled points of the plane, to see what a classifier does with them.
struct Points {
  std::vector<std::array<float, 2>> at;
  std::vector<int> labels;           // as many, indices into classes
  std::vector<std::string> classes;  // two or more
};

struct PointOptions {
  int64_t count = 300;               // as many of each class, but for the rest of the division
  int classes = 3;                   // of spiral and blobs
  std::optional<double> noise = {};  // deviation; empty: what suits the set
  Key key{1};
};

// moons (two half circles that reach into each other), circles (one in the other), spiral (arms
// that wind round each other, CS231n's) or blobs (normal clouds). Throws std::invalid_argument for
// another name, suggesting the nearest, and for counts below one a class.
Points toy_points(std::string_view name, const PointOptions& o = {});
std::vector<std::string> toy_sets();  // those names

// A text file with a line "x,y,class" for each point, perhaps below a line of headings. Classes are
// sorted byte-wise. Throws IoError naming the line.
Points read_points(const std::string& path);

}  // namespace fovea::data
