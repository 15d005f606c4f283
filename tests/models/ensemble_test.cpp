#include "fovea/models/ensemble.h"

#include <cmath>

#include <gtest/gtest.h>

#include "fovea/core/errors.h"
#include "fovea/models/dense.h"
#include "fovea/models/frozen.h"
#include "fovea/ops/elementwise.h"
#include "fovea/ops/reduce.h"
#include "fovea/ops/softmax.h"
#include "tests/support/check_op.h"
#include "tests/support/expect.h"
#include "tests/support/folder.h"

namespace fovea::models {
namespace {

using test::message_of;
using test::random_input;

Model small(uint64_t seed, const char* out = "4") {
  Model m;
  m.architecture = {
      .name = "layers",
      .input = {8, 8, 3},
      .classes = 3,
      .layers = {
          {"conv", {{"out", out}, {"norm", "batch"}, {"act", "relu"}}},
          {"max_pool", {}},
          {"flatten", {}},
          {"linear", {{"out", "3"}}}}};
  m.net = build(m.architecture);
  nn::initialize(*m.net, Key(seed));
  m.preprocess = {.height = 8, .width = 8};
  m.classes = {"a", "b", "c"};
  m.data_fingerprint = "9x3-00";
  m.licence = "CC0";
  return m;
}

std::vector<NamedModel> models(std::vector<Model> list) {
  std::vector<NamedModel> named;
  for (Model& m : list) named.push_back({"m" + std::to_string(named.size()), std::move(m)});
  return named;
}

template <class... M>
std::vector<NamedModel> of(M... m) {
  std::vector<Model> list;
  (list.push_back(std::move(m)), ...);
  return models(std::move(list));
}

class EnsembleTest : public test::FolderTest {};

TEST_F(EnsembleTest, ItsProbabilitiesAreTheMean) {
  Tensor x = random_input({2, 8, 8, 3}, 9);
  std::vector<double> mean(6, 0);
  for (uint64_t seed : {1, 2, 3}) {
    std::vector<float> p = softmax(small(seed).scores(x)).to_vector();
    for (size_t i = 0; i < 6; ++i) mean[i] += p[i] / 3;
  }
  Model together = make_ensemble(of(small(1), small(2), small(3)));
  save_model(path("e.safetensors"), together);
  Model back = load_model(path("e.safetensors"));
  EXPECT_EQ(back.architecture, together.architecture);
  EXPECT_EQ(back.architecture.members.size(), 3u);
  EXPECT_EQ(back.licence, "CC0");
  EXPECT_EQ(back.data_fingerprint, "9x3-00");
  EXPECT_TRUE(nn::parameters(*back.net).contains("members.2.3.weight"));
  std::vector<float> got = softmax(back.scores(x)).to_vector();
  std::vector<float> scores = back.scores(x).to_vector();
  for (size_t i = 0; i < 6; ++i) {
    EXPECT_NEAR(got[i], mean[i], 1e-6);
    EXPECT_NEAR(scores[i], std::log(mean[i]), 1e-5);
  }
  EXPECT_LE(test::relative_error(FrozenModel(back).scores(x), back.scores(x)), 1e-5);
}

TEST_F(EnsembleTest, MembersSeeInputsWithTheirOwnStatistics) {
  Model a = small(1), b = small(2);
  a.preprocess.mean = {0.4, 0.5, 0.6};
  a.preprocess.std = {0.2, 0.25, 0.3};
  b.preprocess.scale = 1;  // of 255 levels
  b.preprocess.mean = {100, 110, 120};
  b.preprocess.std = {60, 50, 70};
  const image::Image picture(8, 8, 3, 77);
  auto probabilities = [&](const Model& m) {
    return softmax(m.scores(m.preprocess.apply({&picture, 1}))).to_vector();
  };
  const std::vector<float> p = probabilities(a), q = probabilities(b);
  const std::vector<float> got = probabilities(make_ensemble(of(std::move(a), std::move(b))));
  for (size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], (p[i] + q[i]) / 2, 1e-5);
  EXPECT_GT(std::abs(p[0] - q[0]), 1e-3);

  Model other = small(3);
  other.preprocess.std = {2, 2, 2};
  EXPECT_HAS(
      message_of([&] { average_weights(of(small(1), std::move(other))); }),
      "expected the preprocessing {");
}

TEST_F(EnsembleTest, SureMembersThatDisagreeStayFinite) {
  Model a = small(1), b = small(2, "5");
  for (Model* m : {&a, &b}) {
    Tree weights = nn::parameters(*m->net);
    for (auto& [name, t] : weights)
      if (name == "3.weight") t = (t * 1e4).eval();
    nn::assign(*m->net, weights);
  }
  Model together = make_ensemble(of(std::move(a), std::move(b)));
  for (float v : together.scores(random_input({4, 8, 8, 3}, 1)).to_vector())
    EXPECT_TRUE(std::isfinite(v));
}

TEST_F(EnsembleTest, SlidesAsItsMembersDo) {
  auto finer = [] {  // without the pooling: more positions
    Model m = small(2);
    m.architecture.layers.erase(m.architecture.layers.begin() + 1);
    m.net = build(m.architecture);
    nn::initialize(*m.net, Key(2));
    return m;
  };
  const Tensor x = random_input({1, 10, 12, 3}, 3);
  auto slid = [&](Model m) {
    nn::Ctx ctx;
    return nn::forward(*make_dense(std::move(m)).net, x, ctx);
  };
  const Tensor coarse = slid(small(1)), fine = slid(finer());
  EXPECT_EQ(coarse.shape(), (Shape{1, 2, 3, 3}));
  EXPECT_EQ(fine.shape(), (Shape{1, 3, 5, 3}));
  const std::vector<float> p = softmax(mean(coarse, {1, 2})).to_vector(),
                           q = softmax(mean(fine, {1, 2})).to_vector();
  const Tensor both = slid(make_ensemble(of(small(1), finer())));
  ASSERT_EQ(both.shape(), (Shape{1, 1, 1, 3}));
  for (size_t c = 0; c < 3; ++c)
    EXPECT_NEAR(std::exp(both.to_vector()[c]), (p[c] + q[c]) / 2, 1e-6);
}

TEST_F(EnsembleTest, AveragedWeightsAreTheMeans) {
  Model mean = average_weights(of(small(1), small(2), small(4)));
  Model first = small(1), second = small(2), third = small(4);
  const Tree a = nn::parameters(*first.net), b = nn::parameters(*second.net),
             c = nn::parameters(*third.net);
  for (const auto& [name, t] : nn::parameters(*mean.net)) {
    const std::vector<float> got = t.to_vector(), x = a.at(name).to_vector(),
                             y = b.at(name).to_vector(), z = c.at(name).to_vector();
    for (size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], (x[i] + y[i] + z[i]) / 3, 1e-6);
  }
  EXPECT_EQ(mean.architecture, first.architecture);
}

TEST_F(EnsembleTest, EqualWeightsStayToTheBitAndStatisticsAreAveraged) {
  Model a = small(1), b = small(1), c = small(1);
  const std::string before = fingerprint(nn::parameters(*a.net));
  Tree statistics = nn::state(*c.net);
  for (auto& [name, t] : statistics)
    if (name.ends_with("running_mean")) t = (t + 3).eval();
  nn::assign(*c.net, statistics);
  Model mean = average_weights(of(std::move(a), std::move(b), std::move(c)));
  EXPECT_EQ(fingerprint(nn::parameters(*mean.net)), before);
  for (const auto& [name, t] : nn::state(*mean.net))
    if (name.ends_with("running_mean")) {
      for (float v : t.to_vector()) EXPECT_FLOAT_EQ(v, 1);
    }
}

TEST_F(EnsembleTest, WhatDoesNotFitIsRefusedByName) {
  auto refused = [](Model other) {
    return message_of([&] { make_ensemble(of(small(1), std::move(other))); });
  };
  Model other = small(2);
  other.classes = {"a", "x", "c"};
  EXPECT_HAS(
      refused(std::move(other)), "m1 does not fit m0: expected class 1 to be \"b\", got \"x\"");
  other = small(2);
  other.classes = {"a"};
  EXPECT_HAS(refused(std::move(other)), "expected 3 classes, got 1");
  other = small(2);
  other.preprocess.bgr = true;
  EXPECT_HAS(refused(std::move(other)), "m1 does not fit m0: expected the preprocessing {");
  EXPECT_HAS(
      refused(make_ensemble(of(small(2), small(3)))),
      "m1: a member of the ensemble is an ensemble itself; give its members instead");
  EXPECT_HAS(
      message_of([] { make_ensemble(of(small(1))); }), "expected at least two models, got 1");
  EXPECT_HAS(
      message_of([] { average_weights(of(small(1), small(1, "5"))); }),
      "weights can be averaged in one architecture only");
}

TEST_F(EnsembleTest, AFileWithOddMembersIsRefused) {
  auto refused = [](Architecture a) { return message_of([&] { build(a); }); };
  Architecture member = small(1).architecture;
  Architecture a{.name = "ensemble", .input = {8, 8, 3}, .classes = 3, .layers = {}};
  EXPECT_HAS(refused(a), "expected at least two members, got 0");
  a.members = {member, member};
  a.members[1].input = {9, 9, 3};
  EXPECT_HAS(refused(a), "got (9, 9, 3) and 3 for layers");
  a.members[1] = {.name = "ensemble", .input = {8, 8, 3}, .classes = 3, .layers = {}};
  a.members[1].members = {member, member};
  EXPECT_HAS(refused(a), "give its members instead");
  EXPECT_HAS(message_of([&] { architecture_from_json(to_json(a)); }), "give its members instead");
}

}  // namespace
}  // namespace fovea::models
