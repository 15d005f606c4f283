#include "fovea/models/frozen.h"

#include <map>

#include <gtest/gtest.h>

#include "fovea/models/registry.h"
#include "fovea/ops/join.h"
#include "fovea/ops/reduce.h"
#include "fovea/ops/slice.h"
#include "tests/models/siblings.h"
#include "tests/support/check_op.h"
#include "tests/support/expect.h"

namespace fovea::models {
namespace {

using test::random_input;

// Running statistics as training leaves them, so that folding batch norm is seen.
void randomize_statistics(nn::Module& net) {
  Tree values = nn::state(net);
  uint64_t seed = 1;
  for (auto& [name, t] : values) {
    if (name.ends_with("running_mean")) t = random_input(t.shape(), ++seed, -0.2, 0.2);
    if (name.ends_with("running_var")) t = random_input(t.shape(), ++seed, 0.8, 1.2);
  }
  nn::assign(net, values);
}

Model make_model(const std::string& name, int64_t size) {
  const Entry& e = find(name);
  Model m;
  m.architecture = {.name = name, .input = {size, size, e.input[2]}, .classes = e.classes};
  m.net = build(m.architecture);
  nn::initialize(*m.net, Key(1));
  randomize_statistics(*m.net);
  m.preprocess = {.channels = int(e.input[2]), .height = int(size), .width = int(size)};
  return m;
}

// Batch norms with something else than a convolution before them: the first of each
// pre-activation block and of each dense layer, those of transitions, and the last.
int norms_that_stay(std::string_view name) {
  const std::map<std::string_view, int> known{
      {"preact_resnet18", 8 + 1},
      {"preact_resnet20", 9},  // the first block's is behind a convolution
      {"preact_resnet56", 27},
      {"preact_resnet110", 54},
      {"wrn16_4", 6},
      {"wrn28_10", 12},
      {"wrn28_10_dropout", 12},
      {"densenet121", 58 + 3 + 1},
      {"densenet161", 78 + 3 + 1},
      {"densenet169", 82 + 3 + 1},
      {"densenet201", 98 + 3 + 1},
      {"densenet_bc100_12", 48 + 2 + 1},
      {"espnet", 17 + 1}};  // behind what is joined or added, and behind a transposed convolution
  auto it = known.find(name);
  return it == known.end() ? 0 : it->second;
}

int count_of(std::string_view what, std::string_view text) {
  int n = 0;
  for (size_t at = text.find(what); at != text.npos; at = text.find(what, at + 1)) ++n;
  return n;
}

class EveryFrozenModel : public testing::TestWithParam<std::string> {};

TEST_P(EveryFrozenModel, ScoresAsThePlainOne) {
  if (is_another_vgg(GetParam())) GTEST_SKIP() << "large, and made of the layers of vgg11_bn";
  if (is_large_sibling(GetParam()) || GetParam() == "wrn28_10_dropout")
    GTEST_SKIP() << "large, and made of a sibling's layers";
  const Entry& e = find(GetParam());
  const int64_t size = small_input(e)[0];
  Model m = make_model(GetParam(), size);
  Tensor x = random_input({2, size, size, e.input[2]}, 1);
  FrozenModel frozen(m);
  EXPECT_LE(test::relative_error(frozen.scores(x), m.scores(x)), 1e-5);
  const std::string steps = frozen.plan(x.shape()).str();
  EXPECT_EQ(count_of("scale_shift", steps), norms_that_stay(GetParam())) << steps;
}

INSTANTIATE_TEST_SUITE_P(
    Models, EveryFrozenModel, testing::ValuesIn(names()), [](const auto& model) {
      return model.param;
    });

TEST(FrozenModel, TakesBatchesOfAnySize) {
  Model m = make_model("resnet20", 32);
  FrozenModel frozen(m);
  for (int64_t n : {3, 1, 2, 3, 4, 5, 1}) {
    Tensor x = random_input({n, 32, 32, 3}, uint64_t(n));
    EXPECT_LE(test::relative_error(frozen.scores(x), m.scores(x)), 1e-5) << n;
  }
}

TEST(FrozenModel, RefusesWhatTheModelRefuses) {
  Model m = make_model("resnet20", 32);
  Tensor grey = random_input({1, 32, 32, 1}, 1);
  EXPECT_EQ(test::message_of([&] { FrozenModel(m).scores(grey); }), test::message_of([&] {
              m.scores(grey);
            }));
}

// What a graph gives that says inside that its batch is of two.
class OfTwo : public nn::Module {
 public:
  Tensor forward(const Tensor& x, nn::Ctx&) const override {
    const Tensor rows = mean(x, {1, 2});
    return slice(concat({rows, rows}), 0, {.start = 0, .stop = 2});
  }
};

TEST(FrozenModel, GivesARowForEachPicture) {
  Model m;
  m.net = std::make_unique<OfTwo>();
  m.preprocess = {.channels = 3, .height = 4, .width = 4};
  const std::string why = "the graph fixes the number of pictures inside: export it with a free";
  for (bool one_by_one : {false, true}) {
    m.one_by_one = one_by_one;
    const Tensor x = random_input({3, 4, 4, 3}, 1);
    EXPECT_HAS(test::message_of([&] { FrozenModel(m).scores(x); }), why);
    EXPECT_HAS(test::message_of([&] { FrozenModel(m).scores_of_any_size(x); }), why);
    EXPECT_HAS(test::message_of([&] { m.scores(x); }), why);
  }
  m.one_by_one = false;
  EXPECT_EQ(FrozenModel(m).scores(random_input({2, 4, 4, 3}, 1)).shape(), (Shape{2, 3}));
}

}  // namespace
}  // namespace fovea::models
