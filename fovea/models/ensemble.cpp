#include "fovea/models/ensemble.h"

#include <algorithm>
#include <functional>

#include <fmt/format.h>

#include "fovea/ops/create.h"
#include "fovea/ops/elementwise.h"
#include "fovea/ops/reduce.h"
#include "fovea/ops/softmax.h"

namespace fovea::models {

namespace {

[[noreturn]] void fail(const std::string& message) {
  throw std::invalid_argument("[ensemble] " + message);
}

// What the first two lists of classes differ in.
std::string class_difference(
    const std::vector<std::string>& expected, const std::vector<std::string>& got) {
  if (expected.size() != got.size())
    return fmt::format("expected {} classes, got {}", expected.size(), got.size());
  const auto [a, b] = std::ranges::mismatch(expected, got);
  return fmt::format("expected class {} to be \"{}\", got \"{}\"", a - expected.begin(), *a, *b);
}

// The preprocessing but for the numbers that a scale and a shift can make up for.
data::Preprocess geometry_of(data::Preprocess p) {
  p.scale = 1;
  p.mean.clear();
  p.std.clear();
  return p;
}

void check_alike(
    const std::vector<NamedModel>& models,
    const std::function<data::Preprocess(const data::Preprocess&)>& compared) {
  if (models.size() < 2) fail(fmt::format("expected at least two models, got {}", models.size()));
  const Model& first = models[0].model;
  for (const auto& [name, m] : models) {
    if (m.architecture.name == "ensemble") fail(fmt::format("{}: {}", name, ensemble_in_ensemble));
    if (m.classes != first.classes)
      fail(fmt::format(
          "{} does not fit {}: {}",
          name,
          models[0].name,
          class_difference(first.classes, m.classes)));
    if (!(m.architecture.input == first.architecture.input))
      fail(fmt::format(
          "{} does not fit {}: expected an input of {}, got {}",
          name,
          models[0].name,
          first.architecture.input.str(),
          m.architecture.input.str()));
    if (compared(m.preprocess) != compared(first.preprocess))
      fail(fmt::format(
          "{} does not fit {}: expected the preprocessing {}, got {}; train them on "
          "pictures prepared alike",
          name,
          models[0].name,
          first.preprocess.to_json(),
          m.preprocess.to_json()));
  }
}

double value_or(const std::vector<double>& list, int64_t c, double other) {
  return list.empty() ? other : list[size_t(c)];
}

// From inputs x = (pixel * scale - mean) / std as `from` has them to those of `to`.
Ensemble::Member adapted(
    std::unique_ptr<nn::Module> net, const data::Preprocess& from, const data::Preprocess& to) {
  std::vector<float> scale, shift;
  for (int64_t c = 0; c < from.channels; ++c) {
    const double std = value_or(to.std, c, 1), ratio = to.scale / from.scale;
    scale.push_back(float(value_or(from.std, c, 1) * ratio / std));
    shift.push_back(float((value_or(from.mean, c, 0) * ratio - value_or(to.mean, c, 0)) / std));
  }
  const Shape shape{from.channels};
  return {std::move(net), Tensor::from(scale, shape), Tensor::from(shift, shape)};
}

// What is said of all of them; of licences each once.
Model without_network(const std::vector<NamedModel>& models) {
  const Model& first = models[0].model;
  Model m;
  m.architecture = first.architecture;
  m.preprocess = first.preprocess;
  m.classes = first.classes;
  m.data_fingerprint = first.data_fingerprint;
  std::vector<std::string> licences;
  for (const auto& [name, other] : models) {
    if (other.data_fingerprint != m.data_fingerprint) m.data_fingerprint.clear();
    m.one_by_one |= other.one_by_one;
    if (other.licence.empty() || std::ranges::find(licences, other.licence) != licences.end())
      continue;
    m.licence += (licences.empty() ? "" : "; ") + other.licence;
    licences.push_back(other.licence);
  }
  return m;
}

}  // namespace

Tensor Ensemble::forward(const Tensor& x, nn::Ctx& ctx) const {
  std::vector<Tensor> log_p;
  for (size_t i = 0; i < members_.size(); ++i) {
    const auto& [net, scale, shift] = members_[i];
    Tensor scores = ctx.run(fmt::format("members.{}", i), *net, x * scale + shift);
    if (scores.rank() == 4) scores = mean(scores, {1, 2}, {.keep = true});
    log_p.push_back(log_softmax(scores));
  }
  Tensor top = log_p[0];
  for (const Tensor& l : log_p) top = maximum(top, l);
  Tensor sum = exp(log_p[0] - top);
  for (size_t i = 1; i < log_p.size(); ++i) sum = sum + exp(log_p[i] - top);
  return top + log(sum / double(log_p.size()));
}

void Ensemble::visit(Visitor& v) {
  for (size_t i = 0; i < members_.size(); ++i) {
    v.child(fmt::format("members.{}", i), *members_[i].net);
    v.state(fmt::format("inputs.{}.scale", i), members_[i].scale);
    v.state(fmt::format("inputs.{}.shift", i), members_[i].shift);
  }
}

std::unique_ptr<nn::Module> build_ensemble(const Architecture& a) {
  if (a.members.size() < 2)
    fail(fmt::format("expected at least two members, got {}", a.members.size()));
  std::vector<Ensemble::Member> members;
  for (const Architecture& member : a.members) {
    if (member.name == "ensemble") fail(ensemble_in_ensemble);
    if (!(member.input == a.input) || member.classes != a.classes)
      fail(fmt::format(
          "expected members with inputs of {} and {} classes, got {} and {} for {}",
          a.input.str(),
          a.classes,
          member.input.str(),
          member.classes,
          member.name));
    const Shape channels{a.input[2]};
    members.push_back({build(member), ones(channels), zeros(channels)});
  }
  return std::make_unique<Ensemble>(std::move(members));
}

Model make_ensemble(std::vector<NamedModel> members) {
  check_alike(members, geometry_of);
  Model m = without_network(members);
  m.architecture = {
      .name = "ensemble",
      .input = m.architecture.input,
      .classes = m.architecture.classes,
      .layers = {}};
  std::vector<Ensemble::Member> nets;
  for (auto& [name, member] : members) {
    m.architecture.members.push_back(member.architecture);
    nets.push_back(adapted(std::move(member.net), m.preprocess, member.preprocess));
  }
  m.net = std::make_unique<Ensemble>(std::move(nets));
  return m;
}

Model average_weights(std::vector<NamedModel> models) {
  check_alike(models, std::identity());
  Model m = without_network(models);
  m.net = std::move(models[0].model.net);
  Tree mean = nn::parameters(*m.net);
  mean.merge(nn::state(*m.net));
  for (size_t k = 1; k < models.size(); ++k) {
    auto& [name, other] = models[k];
    if (!(other.architecture == m.architecture))
      fail(fmt::format(
          "{} does not fit {}: weights can be averaged in one architecture only, expected {}, got "
          "{}",
          name,
          models[0].name,
          to_json(m.architecture),
          to_json(other.architecture)));
    Tree values = nn::parameters(*other.net);
    values.merge(nn::state(*other.net));
    for (auto& [key, a] : mean) {
      const Tensor& b = values.at(key);
      // Equal values stay as they are to the bit.
      a = is_float(a.dtype()) ? a + (b - a) / double(k + 1) : maximum(a, b);
      a.eval();
    }
  }
  nn::assign(*m.net, mean);
  return m;
}

}  // namespace fovea::models
