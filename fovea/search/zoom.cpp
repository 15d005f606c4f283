#include "fovea/search/zoom.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace fovea::search {

namespace {

std::string range_of(const Dimension& d) { return fmt::format("{:.3g} to {:.3g}", d.low, d.high); }

// A range as wide as the old one with the best value in its middle; it ends where the old one did
// if the recipe takes nothing beyond.
Dimension moved(const Dimension& d, const Values& best, Edge edge, const Valid& valid) {
  const double at = d.share(best.at(d.key));
  Dimension wider = d.between(at - 0.5, at + 0.5);
  Values tried = best;
  tried[d.key] = wider.value(edge == Edge::low ? 0 : 1);
  if (valid && !valid(tried))
    (edge == Edge::low ? wider.low : wider.high) = edge == Edge::low ? d.low : d.high;
  return wider;
}

bool goes_beyond(const Dimension& wider, const Dimension& d, Edge edge) {
  return edge == Edge::low ? wider.low < d.low : wider.high > d.high;
}

std::string_view name_of(Edge e) { return e == Edge::low ? "lower" : "upper"; }

Dimension narrowed(const Dimension& d, const std::string& best, double shrink) {
  const double at = d.share(best);
  Dimension part = d.between(std::max(0.0, at - shrink / 2), std::min(1.0, at + shrink / 2));
  part.low = std::max(part.low, d.low);
  part.high = std::min(part.high, d.high);
  if (!d.whole || part.low < part.high) return part;
  part.low = std::max(d.low, part.low - 1);
  part.high = std::min(d.high, part.high + 1);
  return part;
}

std::string at_edge(const Dimension& d, const Values& best, Edge edge) {
  return fmt::format(
      "{}: the best value, {}, lies at the {} edge of {}",
      d.key,
      best.at(d.key),
      name_of(edge),
      range_of(d));
}

Dimension fewer_choices(const Dimension& d, std::span<const Values> ranked) {
  Dimension part = d;
  std::erase_if(part.choices, [&](const std::string& choice) {
    return std::ranges::none_of(ranked.first((ranked.size() + 2) / 3), [&](const Values& v) {
      return v.at(d.key) == choice;
    });
  });
  return part;
}

// Places in rising order, 0 to n - 1; equal values share the mean of theirs.
std::vector<double> places_of(std::span<const double> values) {
  std::vector<double> places;
  for (double v : values) {
    const auto below = std::ranges::count_if(values, [&](double w) { return w < v; });
    const auto equal = std::ranges::count(values, v);
    places.push_back(double(below) + double(equal - 1) / 2);
  }
  return places;
}

}  // namespace

Edge edge_of(const Dimension& d, const std::string& value) {
  if (d.scale == Scale::choice) return Edge::none;
  // Of few whole numbers only the ends themselves are an edge.
  constexpr double margin = 0.1;
  const double at = d.share(value);
  return at <= margin || value == d.value(0)       ? Edge::low
         : at >= 1 - margin || value == d.value(1) ? Edge::high
                                                   : Edge::none;
}

bool better_towards(const Dimension& d, Edge edge, std::span<const Values> ranked) {
  if (ranked.size() < 4) return true;
  std::vector<double> shares;
  for (const Values& v : ranked.subspan(1)) shares.push_back(d.share(v.at(d.key)));
  const std::vector<double> places = places_of(shares);
  const double n = double(places.size()), middle = (n - 1) / 2;
  double both = 0, own = 0, ranks = 0;
  for (size_t i = 0; i < places.size(); ++i) {
    both += (middle - double(i)) * (places[i] - middle);
    own += (places[i] - middle) * (places[i] - middle);
    ranks += (double(i) - middle) * (double(i) - middle);
  }
  if (own == 0) return false;
  const double correlation = both / std::sqrt(own * ranks);
  return (edge == Edge::high ? correlation : -correlation) >= 1 / std::sqrt(n - 1);
}

Space zoom(
    const Space& space,
    std::span<const Values> ranked,
    const ZoomOptions& o,
    std::vector<std::string>& notes) {
  if (ranked.empty()) return space;
  const Values& best = ranked.front();
  Space next;
  for (const Dimension& d : space) {
    const Edge edge = edge_of(d, best.at(d.key));
    if (edge == Edge::none) {
      next.push_back(
          d.scale == Scale::choice ? fewer_choices(d, ranked)
                                   : narrowed(d, best.at(d.key), o.shrink));
      continue;
    }
    if (!better_towards(d, edge, ranked)) {
      next.push_back(d);
      notes.push_back(
          at_edge(d, best, edge) +
          ", but the other trials are no better towards it: the range stays");
      continue;
    }
    next.push_back(moved(d, best, edge, o.valid));
    notes.push_back(
        at_edge(d, best, edge) + (goes_beyond(next.back(), d, edge)
                                      ? fmt::format(
                                            ": the range is extended {}, to {}",
                                            edge == Edge::low ? "downwards" : "upwards",
                                            range_of(next.back()))
                                      : std::string(", and the recipe takes nothing beyond")));
  }
  return next;
}

std::vector<std::string> edge_notes(
    const Space& space, std::span<const Values> ranked, const Valid& valid) {
  std::vector<std::string> notes;
  if (ranked.empty()) return notes;
  const Values& best = ranked.front();
  for (const Dimension& d : space) {
    const Edge edge = edge_of(d, best.at(d.key));
    if (edge == Edge::none || !better_towards(d, edge, ranked)) continue;
    const Dimension wider = moved(d, best, edge, valid);
    if (!goes_beyond(wider, d, edge)) continue;
    notes.push_back(fmt::format(
        "{}: search further {}, such as --vary {}={}",
        at_edge(d, best, edge),
        edge == Edge::low ? "down" : "up",
        d.key,
        wider.str()));
  }
  return notes;
}

}  // namespace fovea::search
