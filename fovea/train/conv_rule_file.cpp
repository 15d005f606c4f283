#include "fovea/train/conv_rule_file.h"

#include <fstream>
#include <iterator>
#include <stdexcept>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "fovea/backend/instruction_set.h"
#include "fovea/core/atomic_file.h"
#include "fovea/core/errors.h"
#include "fovea/data/hash.h"

namespace fovea::train {

namespace {

using cpu::ConvPass;
using cpu::ConvPlace;
using Json = nlohmann::ordered_json;

constexpr const char* format_name = "fovea convolution rule";
constexpr uintmax_t most_bytes = 64 << 20;

Json json_of(const ConvPlace& p, cpu::ConvRoute route) {
  return {
      {"pass", cpu::name_of(p.pass)},
      {"prepared", p.prepared},
      {"x", {p.n, p.h, p.w, p.in}},
      {"y", {p.n, p.ho, p.wo, p.out}},
      {"route", cpu::name_of(route)}};
}

// The value of that name.
template <class T, class List>
T named(const std::string& name, const List& values) {
  for (T v : values)
    if (cpu::name_of(v) == name) return v;
  throw std::invalid_argument(fmt::format("\"{}\" is not known", name));
}

void add(const Json& j, TunedRule& rule) {
  constexpr std::array passes{
      ConvPass::forward, ConvPass::backward_data, ConvPass::backward_weights};
  const auto x = j.at("x").get<std::array<int64_t, 4>>(),
             y = j.at("y").get<std::array<int64_t, 4>>();
  if (x[0] != y[0]) throw std::invalid_argument("x and y have different batches");
  const ConvPlace place{
      named<ConvPass>(j.at("pass"), passes),
      j.at("prepared"),
      x[0],
      x[1],
      x[2],
      x[3],
      y[1],
      y[2],
      y[3]};
  rule.exceptions[place] = named<cpu::ConvRoute>(j.at("route"), cpu::conv_routes);
}

std::string text_of(const TunedRule& rule) {
  Json exceptions = Json::array();
  for (const auto& [place, route] : rule.exceptions) exceptions.push_back(json_of(place, route));
  const Json j{
      {"format", format_name},
      {"arithmetic", rule.arithmetic},
      {"threads", rule.threads},
      {"exceptions", exceptions}};
  return j.dump(1) + "\n";
}

}  // namespace

void write_tuned_rule(const std::filesystem::path& path, const TunedRule& rule) {
  write_file_atomic(path, text_of(rule));
}

TunedRule read_tuned_rule(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw IoError(path.string(), "cannot be opened; `fovea tune` writes such files");
  std::error_code ignored;
  if (std::filesystem::file_size(path, ignored) > most_bytes)
    throw IoError(path.string(), "is too large for a convolution rule");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  try {
    const Json j = Json::parse(text);
    if (j.at("format") != format_name) throw std::invalid_argument("it has another format");
    TunedRule rule{.arithmetic = j.at("arithmetic"), .threads = j.at("threads"), .exceptions = {}};
    for (const Json& exception : j.at("exceptions")) add(exception, rule);
    return rule;
  } catch (const std::exception& e) {
    throw IoError(
        path.string(),
        fmt::format("is no convolution rule ({}); make it again by `fovea tune`", e.what()));
  }
}

void use_tuned_rule(const std::filesystem::path& path) {
  const TunedRule rule = read_tuned_rule(path);
  cpu::use_conv_rule({});
  const std::string here = cpu::arithmetic();
  if (rule.arithmetic != here)
    throw IoError(
        path.string(),
        fmt::format(
            "was measured with {}, and this is {}; run `fovea tune` again", rule.arithmetic, here));
  data::Fnv1a hash;
  hash.add(text_of({.exceptions = rule.exceptions}));
  cpu::use_conv_rule({fmt::format("{:016x}", hash.value()), rule.exceptions});
}

}  // namespace fovea::train
