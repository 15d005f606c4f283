#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "fovea/core/random.h"
#include "fovea/core/shape.h"
#include "fovea/train/config.h"

namespace fovea::search {

// A value for each key that is varied, as a recipe would have it.
using Values = std::map<std::string, std::string>;

enum class Scale : uint8_t { uniform, log, choice };

// One key of the recipe and what it may be. Where something lies between the ends is counted by its
// share: 0 at `low`, 1 at `high`, evenly along values or their logarithms.
struct Dimension {
  std::string key;
  Scale scale = Scale::uniform;
  double low = 0, high = 1;               // of uniform and log
  bool whole = false;                     // whole numbers only, both ends included
  std::vector<std::string> choices = {};  // of choice

  std::string value(double share) const;            // shares beyond the ends give the ends
  double share(const std::string& value) const;     // inverse of value(); may lie outside
  double number(double share) const;                // of uniform and log, beyond the ends too
  Dimension between(double from, double to) const;  // two shares, with short numbers as ends
  std::string str() const;                          // "log:1e-05:0.1", as parse_dimension takes it

  friend bool operator==(const Dimension&, const Dimension&) = default;
};

using Space = std::vector<Dimension>;

// Reads log:LOW:HIGH or uniform:LOW:HIGH, both perhaps with :whole behind, or the values to choose
// from, A,B,C (choice:A|B where values have commas themselves). Keys that hold whole numbers get
// such. An option of a layer or a step of augmentation has the key of its place, whatever it was
// called. Throws std::invalid_argument, naming `origin`, for a key the recipe does not know, a
// value it does not take, ends that are swapped, and the logarithm of a range that has none.
Dimension parse_dimension(
    const train::Config& recipe,
    const std::string& key,
    const std::string& text,
    const std::string& origin);

// Reads what str() gave, for any key.
Dimension dimension_of(const std::string& key, const std::string& words, const std::string& origin);

// The dimensions of a recipe's table [search] and of `vary`, each KEY=RANGE as above; the latter
// win. The table is taken out of the recipe.
Space read_space(train::Config& recipe, std::span<const std::string> vary);

// The recipe with these values.
train::Config with_values(train::Config recipe, const Values& values);

// Why a recipe does not take these values; empty where it does. Looks at the recipe and at the
// options of its optimiser, at no data; and where the input (H, W, C) is known, at its layers.
std::string refusal(
    const train::Config& recipe, const Values& values, const Shape* input = nullptr);

// Throws std::invalid_argument where an end or a choice of the space is refused, whatever the other
// choices.
void check_space(const train::Config& recipe, const Space& space);

// Random values, each from its own stream of the key.
Values draw(const Space& space, Key key);

// All combinations of `points` values of each range, its ends included, and of all choices. The
// last dimension changes fastest. Throws std::invalid_argument for more than 100000.
std::vector<Values> grid(const Space& space, int points);

}  // namespace fovea::search
