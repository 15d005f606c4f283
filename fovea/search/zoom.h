#pragma once

#include <functional>

#include "fovea/search/space.h"

namespace fovea::search {

enum class Edge : uint8_t { none, low, high };

// Whether a value lies in the outer tenth of the range. Choices have no edges.
Edge edge_of(const Dimension& d, const std::string& value);

// Whether trials get better towards an edge: `ranked` from the best to the worst, without the first
// one, since what is asked for is whether it lies there by more than chance. So much of Spearman's
// rank correlation is asked for as chance alone exceeds once in six, one standard deviation,
// 1 / sqrt(n - 1). Of fewer than four trials nothing can be said, and they count as better.
bool better_towards(const Dimension& d, Edge edge, std::span<const Values> ranked);

// What the recipe takes; everything where empty.
using Valid = std::function<bool(const Values&)>;

struct ZoomOptions {
  double shrink = 1.0 / 3;  // of each range, by shares
  Valid valid = {};
};

// The space around the best values, `ranked` from the best to the worst. A range shrinks about the
// best value; but where that lies at an edge that trials get better towards, the range keeps its
// width and moves beyond the edge, so that the best value is in its middle: the optimum may lie
// outside. At an edge where they do not get better the range stays. `notes` hears of both. Of
// choices those stay that the best third of `ranked` had.
Space zoom(
    const Space& space,
    std::span<const Values> ranked,
    const ZoomOptions& o,
    std::vector<std::string>& notes);

// What a best value at an edge that trials get better towards calls for when no further stage
// follows: a wider range to give.
std::vector<std::string> edge_notes(
    const Space& space, std::span<const Values> ranked, const Valid& valid = {});

}  // namespace fovea::search
