#include "fovea/search/space.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <functional>
#include <stdexcept>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "fovea/data/hash.h"
#include "fovea/models/layers.h"
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
    bool whole,
    const std::string& where,
    const std::string& text) {
  Dimension d{.key = key, .scale = parts[0] == "log" ? Scale::log : Scale::uniform};
  d.whole = whole || (parts.size() == 4 && parts[3] == "whole");
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

Dimension parse_words(
    const std::string& key, const std::string& text, bool whole, const std::string& origin) {
  const std::string where = fmt::format("{}: {}", origin, key);
  const auto parts = parts_of(text, ':');
  const bool range = parts[0] == "log" || parts[0] == "uniform";
  return range ? parse_range(key, parts, whole, where, text) : parse_choice(key, text, where);
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

Dimension Dimension::between(double from, double to) const {
  Dimension part = *this;
  part.low = rounded(number(from), 3);
  part.high = rounded(number(to), 3);
  if (part.low >= part.high) part.low = number(from), part.high = number(to);
  if (low >= 0) part.low = std::max(part.low, 0.0);
  if (!whole) return part;
  part.low = std::floor(part.low);
  part.high = std::ceil(part.high);
  if (scale == Scale::log) part.low = std::max(part.low, 1.0);
  return part;
}

std::string Dimension::str() const {
  if (scale == Scale::choice) return fmt::format("choice:{}", fmt::join(choices, "|"));
  return fmt::format(
      "{}:{}:{}{}", scale == Scale::log ? "log" : "uniform", low, high, whole ? ":whole" : "");
}

std::string shortened(const std::string& range) {
  const auto parts = parts_of(range, '|');
  if (parts.size() <= 5) return range;
  return fmt::format("{}|...|{}", fmt::join(parts.begin(), parts.begin() + 3, "|"), parts.back());
}

Dimension parse_dimension(
    const train::Config& recipe,
    const std::string& any_key,
    const std::string& text,
    const std::string& origin) {
  const std::string key = recipe.plain_key(any_key, origin);
  check_key(key, origin);
  Dimension d = parse_words(key, text, recipe.holds_whole_numbers(key), origin);
  train::Config check = recipe;
  if (d.scale == Scale::choice)
    for (const std::string& choice : d.choices) check.set(key, choice, origin);
  else
    for (double share : {0.0, 1.0}) check.set(key, d.value(share), origin);
  return d;
}

Dimension dimension_of(
    const std::string& key, const std::string& words, const std::string& origin) {
  return parse_words(key, words, false, origin);
}

Space read_space(train::Config& recipe, std::span<const std::string> vary) {
  std::map<std::string, Dimension> found;
  auto add = [&](const std::string& key, const std::string& text, const std::string& origin) {
    Dimension d = parse_dimension(recipe, key, text, origin);
    found.insert_or_assign(d.key, std::move(d));
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

std::string refusal(const train::Config& recipe, const Values& values, const Shape* input) {
  try {
    const train::Recipe r(with_values(recipe, values));
    optim::make_optimizer(r.optimizer);
    if (input && !r.layers.empty()) models::build_layers(r.layers, *input);
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

}  // namespace fovea::search
