// What [regularize] does to a step, and early stopping.
#include "fovea/train/regularization.h"

#include <cmath>
#include <filesystem>
#include <set>

#include <gtest/gtest.h>

#include "fovea/models/registry.h"
#include "fovea/ops/create.h"
#include "fovea/ops/loss.h"
#include "fovea/ops/shape.h"
#include "fovea/optim/noise.h"
#include "fovea/optim/sgd.h"
#include "fovea/train/mc_dropout.h"
#include "fovea/train/step.h"
#include "tests/support/check_op.h"
#include "tests/support/expect.h"
#include "tests/support/folder.h"
#include "tests/train/training.h"

namespace fovea::train {
namespace {

using test::message_of;

using Names = std::vector<std::string>;

data::Batch small_batch(int64_t n = 6) {
  data::Batch b;
  b.images = test::random_input({n, 8, 8, 3}, 1);
  b.labels = test::int_input({n}, 2, 0, 10);
  return b;
}

models::Model small_model(const std::string& name = "linear") {
  models::Model m;
  m.architecture = {.name = name, .input = {8, 8, 3}, .classes = 10, .layers = {}};
  m.net = models::build(m.architecture);
  nn::initialize(*m.net, Key(1));
  return m;
}

StepOptions with(Regularization r) {
  StepOptions o;
  o.regularization = std::move(r);
  return o;
}

double loss_of(models::Model& m, const Tensor& images, const Tensor& labels) {
  nn::Ctx ctx;
  return cross_entropy(nn::forward(*m.net, images, ctx), labels).item<double>();
}

std::vector<float> weight_of(models::Model& m, const char* name = "1.weight") {
  return nn::parameters(*m.net).at(name).to_vector();
}

TEST(DrawBeta, HasTheMomentsOfBeta) {  // mean 1/2, variance 1 / (4 (2 a + 1))
  for (double alpha : {0.2, 1.0, 4.0}) {
    Rng rng(Key(7));
    double mean = 0, squares = 0;
    const int n = 20000;
    for (int i = 0; i < n; ++i) {
      const double x = draw_beta(alpha, rng);
      ASSERT_TRUE(x >= 0 && x <= 1) << x;
      mean += x / n;
      squares += x * x / n;
    }
    EXPECT_NEAR(mean, 0.5, 0.015) << alpha;
    EXPECT_NEAR(squares - mean * mean, 1 / (4 * (2 * alpha + 1)), 0.006) << alpha;
  }
  Rng rng(Key(8));
  for (int i = 0; i < 50; ++i) {  // numbers of Gamma(1e-5) are 0 in double, their ratio is not
    const double x = draw_beta(1e-5, rng);
    EXPECT_TRUE(x < 1e-3 || x > 1 - 1e-3) << x;
  }
}

TEST(MixBatch, MixUpAddsPairsByTheShare) {
  const data::Batch b = small_batch();
  const MixedBatch m = mix_batch(b, {.mixup = 1}, Key(3));
  ASSERT_GT(m.share, 0);
  ASSERT_LT(m.share, 1);
  const auto x = b.images.to_vector(), mixed = m.images.to_vector();
  const auto labels = b.labels.to_vector(), others = m.others.to_vector();
  for (size_t i = 0; i < 6; ++i) {
    bool found = false;  // the partner, by its pixels
    for (size_t j = 0; j < 6; ++j) {
      bool same = true;
      for (size_t k = 0; same && k < 192; ++k) {
        const double expected = m.share * x[i * 192 + k] + (1 - m.share) * x[j * 192 + k];
        same = std::abs(mixed[i * 192 + k] - expected) < 1e-5;
      }
      if (!same) continue;
      found = true;
      EXPECT_EQ(others[i], labels[j]);
    }
    EXPECT_TRUE(found) << i;
  }
  EXPECT_EQ(mix_batch(b, {}, Key(3)).images.to_vector(), x);
  EXPECT_TRUE(mix_batch(b, {}, Key(3)).others.is_empty());
}

TEST(MixBatch, CutMixPastesARectangleWhoseAreaIsTheShare) {
  // A picture is its own number everywhere.
  data::Batch b;
  const int64_t n = 16;
  b.images = broadcast_to(reshape(arange(n, Dtype::f32), {n, 1, 1, 1}), {n, 8, 6, 2});
  b.labels = arange(n, Dtype::i32);
  std::set<double> shares;
  for (uint64_t seed = 0; seed < 20; ++seed) {
    const MixedBatch m = mix_batch(b, {.cutmix = 1}, Key(seed));
    const auto mixed = m.images.to_vector(), others = m.others.to_vector();
    shares.insert(m.share);
    for (size_t i = 0; i < size_t(n); ++i) {
      int64_t own = 0, top = 8, bottom = -1, left = 6, right = -1;
      for (int64_t y = 0; y < 8; ++y)
        for (int64_t x = 0; x < 6; ++x) {
          const size_t at = ((i * 8 + size_t(y)) * 6 + size_t(x)) * 2;
          ASSERT_EQ(mixed[at], mixed[at + 1]);
          if (others[i] == float(i) || mixed[at] == float(i)) {
            ++own;
            continue;
          }
          ASSERT_EQ(mixed[at], others[i]);
          top = std::min(top, y), bottom = std::max(bottom, y);
          left = std::min(left, x), right = std::max(right, x);
        }
      if (others[i] == float(i)) continue;  // paired with itself
      EXPECT_NEAR(double(own) / 48, m.share, 1e-9);
      if (own < 48) {
        EXPECT_EQ((bottom - top + 1) * (right - left + 1), 48 - own);
      }
    }
  }
  EXPECT_GT(shares.size(), 6u);
}

TEST(TrainStep, LearnsMixedLabelsByTheirShares) {
  models::Model m = small_model();
  const data::Batch b = small_batch();
  optim::Sgd none({.lr = 0});
  bool mixed = false;
  for (uint64_t seed = 0; seed < 4; ++seed) {
    const StepOptions o = with({.mix = {.mixup = 1, .cutmix = 1}});
    const MixedBatch mix = mix_batch(b, o.regularization.mix, Key(seed).fold_in(1ull << 32));
    const double expected = mix.share * loss_of(m, mix.images, mix.labels) +
                            (1 - mix.share) * loss_of(m, mix.images, mix.others);
    EXPECT_NEAR(train_step(m, none, b, Key(seed), o).loss, expected, 1e-5);
    mixed = mixed || mix.share < 1;
  }
  EXPECT_TRUE(mixed);
}

TEST(TrainStep, AddsThePenaltyToTheLossAndItsSlopeToTheStep) {
  models::Model m = small_model();
  const data::Batch b = small_batch();
  const auto before = weight_of(m);
  double l1 = 0, l2 = 0;
  for (float w : before) {
    l1 += std::abs(w);
    l2 += double(w) * w;
  }
  const double data_loss = loss_of(m, b.images, b.labels);
  models::Model plain = small_model();
  optim::Sgd first({.lr = 0.1}), second({.lr = 0.1});
  train_step(plain, first, b, Key(1));
  const StepResult r = train_step(m, second, b, Key(1), with({.l1 = 0.01, .l2 = 0.02}));
  EXPECT_NEAR(r.loss, data_loss + 0.01 * l1 + 0.02 * l2, 1e-4);
  const auto without = weight_of(plain), with = weight_of(m);
  for (size_t i = 0; i < with.size(); i += 97) {
    const double slope = 0.01 * (before[i] > 0 ? 1 : -1) + 0.04 * before[i];
    EXPECT_NEAR(with[i], without[i] - 0.1 * slope, 1e-5);
  }
  EXPECT_EQ(weight_of(m, "1.bias"), weight_of(plain, "1.bias"));
}

TEST(TrainStep, KeepsNormsBelowTheirLimitAfterEachStep) {  // REG-04
  models::Model m = small_model();
  optim::Sgd sgd({.lr = 5});
  for (uint64_t i = 0; i < 3; ++i) {
    train_step(m, sgd, small_batch(), Key(i), with({.max_norm = 0.25}));
    const auto w = weight_of(m);
    double largest = 0;
    for (size_t o = 0; o < 10; ++o) {
      double squares = 0;
      for (size_t k = 0; k < 192; ++k) squares += double(w[o * 192 + k]) * w[o * 192 + k];
      largest = std::max(largest, std::sqrt(squares));
    }
    EXPECT_NEAR(largest, 0.25, 1e-5);
  }
}

// With lr = 0 no weight moves, whatever noise the step saw, and the loss shows that it saw some.
TEST(TrainStep, NoiseIsInTheStepAndNotInTheWeights) {
  const data::Batch b = small_batch();
  const Regularization all[] = {{.drop_connect = 0.5}, {.input_noise = 0.5}, {.weight_noise = 0.1}};
  for (const Regularization& r : all) {
    models::Model m = small_model();
    const auto before = weight_of(m);
    const double plain = loss_of(m, b.images, b.labels);
    optim::Sgd none({.lr = 0});
    const double one = train_step(m, none, b, Key(1), with(r)).loss;
    const double again = train_step(m, none, b, Key(1), with(r)).loss;
    const double other = train_step(m, none, b, Key(2), with(r)).loss;
    EXPECT_EQ(one, again);
    EXPECT_NE(one, other);
    EXPECT_NE(one, plain);
    EXPECT_EQ(weight_of(m), before);
  }
}

// The slope of a weight that DropConnect leaves out is 0; that of another is twice what a network
// without the first would have.
TEST(TrainStep, DropConnectTrainsTheWeightsItKeeps) {
  models::Model m = small_model();
  const auto before = weight_of(m);
  optim::Sgd sgd({.lr = 1});
  const Key key(1);
  train_step(m, sgd, small_batch(), key, with({.drop_connect = 0.5}));
  const auto after = weight_of(m);
  size_t kept = 0;
  for (size_t i = 0; i < after.size(); ++i) kept += after[i] != before[i];
  EXPECT_NEAR(double(kept) / double(after.size()), 0.5, 0.046);  // four standard deviations
}

TEST(TrainStep, GradientNoiseMovesByItsOwnSpread) {
  models::Model m = small_model(), plain = small_model();
  optim::Sgd one({.lr = 1}), other({.lr = 1});
  const data::Batch b = small_batch();
  train_step(plain, one, b, Key(1));
  train_step(m, other, b, Key(1), with({.gradient_noise = 0.01}));
  const auto a = weight_of(plain), c = weight_of(m);
  double squares = 0;
  for (size_t i = 0; i < a.size(); ++i) squares += std::pow(double(c[i]) - a[i], 2);
  EXPECT_NEAR(std::sqrt(squares / double(a.size())), optim::gradient_noise_std(0.01, 0), 0.007);
}

TEST(TrainStep, LeavesFrozenWeightsToTheBit) {
  models::Model m = small_model("two_layer");
  const Names names = [&] {
    Names all;
    for (const auto& [name, t] : nn::parameters(*m.net)) all.push_back(name);
    return all;
  }();
  ASSERT_EQ(names.size(), 4u);
  const std::string module = names[0].substr(0, names[0].rfind('.'));
  const Frozen frozen = freeze_modules(*m.net, {module});
  const Tree before = nn::parameters(*m.net);
  optim::Sgd sgd({.lr = 0.1});
  StepOptions o = with(
      {.l1 = 1, .max_norm = 0.01, .drop_connect = 0.3, .weight_noise = 1, .gradient_noise = 1});
  o.frozen = &frozen;
  train_step(m, sgd, small_batch(), Key(1), o);
  for (const std::string& name : names) {
    const bool same = weight_of(m, name.c_str()) == before.at(name).to_vector();
    EXPECT_EQ(same, name.starts_with(module)) << name;
  }
}

// One feature, zeroed or doubled by a fair coin: the probability is 1/2 or s(2w).
TEST(McDropout, MeanAndSpreadAreThoseOfTheCoin) {
  models::Model m;
  m.architecture = {
      .name = "layers",
      .input = {1, 1, 1},
      .classes = 2,
      .layers = {{"flatten", {}}, {"dropout", {{"rate", "0.5"}}}, {"linear", {{"out", "2"}}}}};
  m.net = models::build(m.architecture);
  m.classes = {"yes", "no"};
  m.preprocess = {.channels = 1, .height = 1, .width = 1};
  const Tree values{{"2.weight", Tensor::from({1.f, 0.f}, {2, 1})}, {"2.bias", zeros({2})}};
  nn::assign(*m.net, values);
  const double on = 1 / (1 + std::exp(-2.0));
  const int draws = 400, n = 20;
  const Sampled s = sample_probabilities(m, ones({n, 1, 1, 1}), draws, Key(1));
  double mean = 0, spread = 0;
  for (int64_t i = 0; i < n; ++i) {
    mean += s.mean.to_vector()[size_t(2 * i)] / n;
    spread += s.spread.to_vector()[size_t(2 * i)] / n;
  }
  EXPECT_NEAR(mean, (on + 0.5) / 2, 4 * (on - 0.5) / 2 / std::sqrt(draws * n));
  EXPECT_NEAR(spread, (on - 0.5) / 2, 1e-3);

  data::Views views(m.preprocess);
  data::ViewBatch batch(views);
  batch.add(image::Image(1, 1, 1, 255));
  const auto p = predict_sampled(m, batch, 1, draws, Key(1));
  ASSERT_EQ(p.size(), 1u);
  EXPECT_EQ(p[0].classes, (std::vector<int>{0}));
  EXPECT_NEAR(p[0].spreads[0], (on - 0.5) / 2, 0.01);
  EXPECT_EQ(batch.size(), 0);

  models::Model plain = small_model();
  plain.preprocess = {.channels = 3, .height = 8, .width = 8};
  EXPECT_HAS(
      message_of([&] {
        sample_probabilities(plain, ones({1, 8, 8, 3}), 3, Key(1));
      }),
      "expected a network with dropout or something else that is drawn, got linear");
}

class Regularized : public test::FolderTest {};

// Everything random at once, stopped in the middle of an epoch.
TEST_F(Regularized, ARunResumesToTheSameBits) {
  auto recipe = [&](const std::string& name) {
    return small_recipe(
        path(),
        {{"run.name", name},
         {"train.epochs", "2"},
         {"train.patience", "5"},
         {"regularize.l1", "1e-4"},
         {"regularize.l2", "1e-4"},
         {"regularize.max_norm", "2"},
         {"regularize.drop_connect", "0.1"},
         {"regularize.weight_noise", "0.01"},
         {"regularize.input_noise", "0.1"},
         {"regularize.gradient_noise", "0.01"},
         {"regularize.mixup", "0.2"},
         {"regularize.cutmix", "1"}});
  };
  train(recipe("straight"));
  int64_t steps = 0;
  TrainOptions o;
  o.signal = [&] { return ++steps == 14 ? Signal::stop : Signal::go_on; };
  EXPECT_TRUE(train(recipe("stopped"), o).interrupted);
  resume(path("stopped"));
  EXPECT_EQ(bits_of(path("stopped")), bits_of(path("straight")));
}

// A learning rate of 0 never beats its first epoch.
TEST_F(Regularized, EarlyStoppingCountsEpochsWithoutABetterOne) {
  auto recipe = [&](const std::string& name, const std::string& lr) {
    return small_recipe(
        path(),
        {{"run.name", name},
         {"train.epochs", "6"},
         {"train.patience", "2"},
         {"train.ema", "0"},
         {"schedule.name", "constant"},
         {"optimizer.name", "sgd"},
         {"optimizer.lr", lr},
         {"data.limit", "60"}});
  };
  Watch watch;
  const TrainResult r = train(recipe("still", "0"), {.observer = &watch});
  EXPECT_EQ(watch.losses.size(), 3u);
  EXPECT_EQ(r.steps, 3 * 2);
  EXPECT_FALSE(r.interrupted);
  ASSERT_FALSE(watch.notes.empty());
  EXPECT_EQ(
      watch.notes.back(), "stopped after epoch 3: 2 in a row without a better validation accuracy");
  EXPECT_EQ(resume(path("still")).steps, r.steps);  // still over
  EXPECT_HAS(
      message_of([&] {
        Config c = recipe("none", "0");
        c.set("data.val", "0", "test");
        train(c);
      }),
      "train.patience looks at the validation accuracy");
}

TEST_F(Regularized, APatternThatFitsNothingLeavesNoFolder) {
  EXPECT_HAS(
      message_of([&] {
        train(small_recipe(
            path(), {{"regularize.l1", "1"}, {"regularize.on", "4.*"}, {"model.freeze", "4"}}));
      }),
      "model.freeze leaves none of the weights \"4.*\" to train");
  EXPECT_HAS(
      message_of([&] {
        train(small_recipe(path(), {{"regularize.l1", "1"}, {"regularize.on", "fc*"}}));
      }),
      "expected the pattern \"fc*\" to match a weight of rank 2 or more, got none of "
      "0.conv.weight");
  EXPECT_TRUE(std::filesystem::is_empty(path()));
}

TEST(RegularizeSettings, AreCheckedBeforeAnythingIsRead) {
  auto error = [](const char* key, const char* value) {
    Config c = recipe_config();
    c.set(key, value, "test");
    return message_of([&] { Recipe{c}; });
  };
  EXPECT_HAS(error("regularize.l1", "-1"), "test: expected regularize.l1 from 0 to");
  EXPECT_HAS(error("regularize.drop_connect", "1"), "expected regularize.drop_connect from 0 to");
  EXPECT_HAS(error("regularize.on", "fc.*"), "and none of them is set");
}

}  // namespace
}  // namespace fovea::train
