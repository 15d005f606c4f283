#include "fovea/search/space.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <stdexcept>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "fovea/data/hash.h"
#include "fovea/optim/factory.h"
#include "fovea/train/recipe.h"

namespace fovea::search {

namespace {

bool parses(std::string_view text, double& out) {
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc() && end == text.data() + text.size() && std::isfinite(out);
}

std::vector<std::string> parts_of(const std::string& text, char separator) {
  std::vector<std::string> parts;
  for (size_t from = 0;;) {
    const size_t to = text.find(separator, from);
    parts.push_back(text.substr(from, to - from));
    if (to == std::string::npos) return parts;
    from = to + 1;
  }
}

// So many digits are enough for a setting, and short to read.
double rounded(double v, int digits) {
  double out = v;
  parses(fmt::format("{:.{}g}", v, digits), out);
  return out;
}

bool holds_whole_numbers(const std::string& key) {
  return std::ranges::any_of(train::recipe_keys(), [&](const train::KeyInfo& k) {
    return k.key == key && k.type == train::ValueType::integer;
  });
}

// What the search itself decides on.
void check_key(const std::string& key, const std::string& origin) {
  if (key == "train.epochs")
    throw std::invalid_argument(
        origin + ": train.epochs is what early stopping divides: set it, and vary other keys");
  if (key.starts_with("run.") && key != "run.seed")
    throw std::invalid_argument(fmt::format(
        "{}: expected a key that changes the result, got {}; of run. only run.seed does",
        origin,
        key));
}

void check_ends(const Dimension& d, const std::string& where, const std::string& text) {
  auto fail = [&](const std::string& what) {
    throw std::invalid_argument(fmt::format("{}: {}, got \"{}\"", where, what, text));
  };
  if (d.low > d.high) fail("expected LOW:HIGH, the ends are swapped");
  if (d.low == d.high) fail("expected a range, both ends are the same; --set fixes a value");
  if (d.scale == Scale::log && d.low <= 0)
    fail("expected ends above 0, nothing else has a logarithm; begin with 1e-6, or take uniform");
  const bool whole_ends = d.low == std::round(d.low) && d.high == std::round(d.high);
  if (d.whole && !whole_ends) fail("expected whole numbers");
}

Dimension parse_range(
    const std::string& key,
    const std::vector<std::string>& parts,
    const std::string& where,
    const std::string& text) {
  Dimension d{.key = key, .scale = parts[0] == "log" ? Scale::log : Scale::uniform};
  d.whole = holds_whole_numbers(key) || (parts.size() == 4 && parts[3] == "whole");
  const bool three = parts.size() == 3 || (parts.size() == 4 && parts[3] == "whole");
  if (!three || !parses(parts[1], d.low) || !parses(parts[2], d.high))
    throw std::invalid_argument(fmt::format(
        "{}: expected {}:LOW:HIGH, such as {}, got \"{}\"",
        where,
        parts[0],
        parts[0] == "log" ? "log:1e-5:1e-1" : "uniform:0:0.5",
        text));
  check_ends(d, where, text);
  return d;
}

// "lenet5,convnet", "32,64|64,128"
Dimension parse_choice(const std::string& key, const std::string& text, const std::string& where) {
  Dimension d{.key = key, .scale = Scale::choice};
  constexpr std::string_view prefix = "choice:";
  const bool named = text.starts_with(prefix);
  const std::string list = named ? text.substr(prefix.size()) : text;
  d.choices = parts_of(list, named || list.find('|') != std::string::npos ? '|' : ',');
  auto sorted = d.choices;
  std::ranges::sort(sorted);
  if (!named && d.choices.size() == 1 && text.find(':') != std::string::npos)
    throw std::invalid_argument(fmt::format(
        "{}: expected log:LOW:HIGH, uniform:LOW:HIGH or A,B,C, got \"{}\"", where, text));
  const bool twice = std::ranges::adjacent_find(sorted) != sorted.end();
  if (twice || sorted.front().empty())
    throw std::invalid_argument(fmt::format(
        "{}: expected log:LOW:HIGH, uniform:LOW:HIGH or different values with commas between, got "
        "\"{}\"",
        where,
        text));
  return d;
}

// Calls f with every combination of choices of the space, until it says that one is enough.
bool any_choices(const Space& space, Values& values, size_t i, const std::function<bool()>& f) {
  while (i < space.size() && (space[i].scale != Scale::choice || values.contains(space[i].key)))
    ++i;
  if (i == space.size()) return f();
  for (const std::string& choice : space[i].choices) {
    values[space[i].key] = choice;
    if (any_choices(space, values, i + 1, f)) return true;
  }
  values.erase(space[i].key);
  return false;
}

std::string range_of(const Dimension& d) { return fmt::format("{:.3g} to {:.3g}", d.low, d.high); }

// The ends at two shares, as short numbers.
Dimension between(const Dimension& d, double from, double to) {
  Dimension part = d;
  part.low = rounded(d.number(from), 3);
  part.high = rounded(d.number(to), 3);
  if (part.low >= part.high) part.low = d.number(from), part.high = d.number(to);
  if (d.low >= 0) part.low = std::max(part.low, 0.0);
  if (!d.whole) return part;
  part.low = std::floor(part.low);
  part.high = std::ceil(part.high);
  if (d.scale == Scale::log) part.low = std::max(part.low, 1.0);
  return part;
}

// A range as wide as the old one with the best value in its middle; it ends where the old one did
// if the recipe takes nothing beyond.
Dimension moved(const Dimension& d, const Values& best, Edge edge, const Valid& valid) {
  const double at = d.share(best.at(d.key));
  Dimension wider = between(d, at - 0.5, at + 0.5);
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
  Dimension part = between(d, std::max(0.0, at - shrink / 2), std::min(1.0, at + shrink / 2));
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

}  // namespace

double Dimension::number(double share) const {
  if (scale == Scale::log) return low * std::pow(high / low, share);
  if (whole) return low - 0.5 + share * (high - low + 1);
  return low + share * (high - low);
}

std::string Dimension::value(double share) const {
  if (scale == Scale::choice) {
    const auto at = int64_t(std::floor(share * double(choices.size())));
    return choices[size_t(std::clamp<int64_t>(at, 0, int64_t(choices.size()) - 1))];
  }
  const double v = number(share);
  if (whole)
    return std::to_string(std::clamp(std::llround(v), std::llround(low), std::llround(high)));
  return fmt::format("{}", std::clamp(rounded(v, 4), low, high));
}

double Dimension::share(const std::string& value) const {
  if (scale == Scale::choice) {
    const auto at = std::ranges::find(choices, value) - choices.begin();
    return (double(at) + 0.5) / double(choices.size());
  }
  double v = 0;
  if (!parses(value, v))
    throw std::invalid_argument(fmt::format("{}: expected a number, got \"{}\"", key, value));
  if (scale == Scale::log) return std::log(v / low) / std::log(high / low);
  return whole ? (v - low + 0.5) / (high - low + 1) : (v - low) / (high - low);
}

std::string Dimension::str() const {
  if (scale == Scale::choice) return fmt::format("choice:{}", fmt::join(choices, "|"));
  return fmt::format(
      "{}:{}:{}{}", scale == Scale::log ? "log" : "uniform", low, high, whole ? ":whole" : "");
}

Dimension parse_dimension(
    const train::Config& recipe,
    const std::string& key,
    const std::string& text,
    const std::string& origin) {
  check_key(key, origin);
  const std::string where = fmt::format("{}: {}", origin, key);
  const auto parts = parts_of(text, ':');
  const bool range = parts[0] == "log" || parts[0] == "uniform";
  Dimension d = range ? parse_range(key, parts, where, text) : parse_choice(key, text, where);
  train::Config check = recipe;
  if (!range)
    for (const std::string& choice : d.choices) check.set(key, choice, origin);
  else
    for (double share : {0.0, 1.0}) check.set(key, d.value(share), origin);
  return d;
}

Space read_space(train::Config& recipe, std::span<const std::string> vary) {
  std::map<std::string, Dimension> found;
  auto add = [&](const std::string& key, const std::string& text, const std::string& origin) {
    found[key] = parse_dimension(recipe, key, text, origin);
  };
  for (const auto& [key, text] : recipe.under("search."))
    add(key, text, recipe.origin("search." + key));
  for (const std::string& expression : vary) {
    const size_t at = expression.find('=');
    if (at == std::string::npos || at == 0)
      throw std::invalid_argument(fmt::format(
          "--vary: expected KEY=RANGE, such as optimizer.lr=log:1e-5:1e-1, got \"{}\"",
          expression));
    add(expression.substr(0, at), expression.substr(at + 1), "--vary");
  }
  recipe.forget("search.");
  Space space;
  for (auto& [key, d] : found) space.push_back(std::move(d));
  return space;
}

train::Config with_values(train::Config recipe, const Values& values) {
  for (const auto& [key, value] : values) recipe.set(key, value, "search");
  return recipe;
}

std::string refusal(const train::Config& recipe, const Values& values) {
  try {
    optim::make_optimizer(train::Recipe(with_values(recipe, values)).optimizer);
  } catch (const std::invalid_argument& e) {
    return e.what();
  }
  return "";
}

void check_space(const train::Config& recipe, const Space& space) {
  auto check = [&](const Dimension& d, const std::string& value) {
    Values values{{d.key, value}};
    std::string why;
    const bool taken = any_choices(space, values, 0, [&] {
      why = refusal(recipe, values);
      return why.empty();
    });
    if (!taken)
      throw std::invalid_argument(fmt::format("{} = {} cannot be tried: {}", d.key, value, why));
  };
  for (const Dimension& d : space) {
    if (d.scale != Scale::choice)
      for (double share : {0.0, 1.0}) check(d, d.value(share));
    for (const std::string& choice : d.choices) check(d, choice);
  }
}

Values draw(const Space& space, Key key) {
  Values values;
  for (const Dimension& d : space) {
    data::Fnv1a name;
    name.add(std::string_view(d.key));
    values[d.key] = d.value(Rng(key.fold_in(name.value())).uniform());
  }
  return values;
}

std::vector<Values> grid(const Space& space, int points) {
  if (points < 2)
    throw std::invalid_argument(
        fmt::format("[grid] expected at least 2 points of each range, got {}", points));
  std::vector<Values> all{Values{}};
  for (const Dimension& d : space) {
    std::vector<std::string> values = d.choices;
    for (int i = 0; d.scale != Scale::choice && i < points; ++i)
      if (std::string v = d.value(double(i) / (points - 1)); values.empty() || values.back() != v)
        values.push_back(std::move(v));
    if (all.size() * values.size() > 100'000)
      throw std::invalid_argument(
          "[grid] expected at most 100000 combinations: give fewer points, or search at random");
    std::vector<Values> more;
    for (const Values& before : all)
      for (const std::string& v : values) {
        more.push_back(before);
        more.back()[d.key] = v;
      }
    all = std::move(more);
  }
  return all;
}

Edge edge_of(const Dimension& d, const std::string& value) {
  if (d.scale == Scale::choice) return Edge::none;
  // Of few whole numbers only the ends themselves are an edge.
  constexpr double margin = 0.1;
  const double at = d.share(value);
  return at <= margin || value == d.value(0)       ? Edge::low
         : at >= 1 - margin || value == d.value(1) ? Edge::high
                                                   : Edge::none;
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

std::vector<std::string> edge_notes(const Space& space, const Values& best, const Valid& valid) {
  std::vector<std::string> notes;
  for (const Dimension& d : space) {
    const Edge edge = edge_of(d, best.at(d.key));
    if (edge == Edge::none) continue;
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
