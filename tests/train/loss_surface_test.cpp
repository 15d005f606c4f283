#include "fovea/train/loss_surface.h"

#include <algorithm>
#include <cmath>

#include <gtest/gtest.h>

#include "fovea/core/eval.h"
#include "fovea/models/architecture.h"
#include "fovea/ops/elementwise.h"
#include "tests/report/check_markup.h"
#include "tests/support/check_op.h"
#include "tests/support/expect.h"
#include "tests/support/folder.h"
#include "tests/train/training.h"

namespace fovea::train {
namespace {

using test::message_of;

double norm(std::span<const float> v) {
  double sum = 0;
  for (float x : v) sum += double(x) * x;
  return std::sqrt(sum);
}

std::unique_ptr<nn::Module> conv_net() {
  auto net = models::build(
      {.name = "layers",
       .input = {5, 5, 2},
       .classes = 3,
       .layers = {
           {"conv", {{"out", "4"}, {"norm", "batch"}, {"act", "relu"}}},
           {"dropout", {}},
           {"flatten", {}},
           {"linear", {{"out", "3"}}}}});
  nn::initialize(*net, Key(1));
  return net;
}

data::Batch batch() {
  return {
      .images = test::random_input({6, 5, 5, 2}, 1),
      .labels = Tensor::from<int32_t>({0, 1, 2, 0, 1, 2}, {6}),
      .indices = {0, 1, 2, 3, 4, 5}};
}

TEST(LossSurface, EachFilterOfADirectionIsAsLongAsTheFilter) {
  auto net = conv_net();
  const Tree d = filter_normalised_direction(*net, Key(2));
  const Tree w = nn::parameters(*net);
  ASSERT_EQ(d.size(), 2u);  // the filters and the linear layer, no bias and no norm
  for (const auto& [name, t] : d) {
    const auto filters = size_t(t.dim(0)), size = size_t(t.numel()) / filters;
    for (size_t f = 0; f < filters; ++f)
      EXPECT_NEAR(
          norm(t.data<float>().subspan(f * size, size)),
          norm(w.at(name).data<float>().subspan(f * size, size)),
          1e-5);
  }
}

// A linear model whose loss along a plane is known.
TEST(LossSurface, LossesAreThoseOfTheMovedWeights) {
  auto net = conv_net();
  const std::string before = fingerprint(nn::parameters(*net));
  const std::string state = fingerprint(nn::state(*net));
  const Plane plane{
      .origin = nn::parameters(*net),
      .a = filter_normalised_direction(*net, Key(2)),
      .b = filter_normalised_direction(*net, Key(3))};
  for (NormStatistics statistics : {NormStatistics::batch, NormStatistics::running}) {
    const report::Grid g = losses_on(
        *net,
        {batch()},
        plane,
        {.x_low = -1, .x_high = 1, .y_low = 0, .y_high = 2, .side = 3},
        {.statistics = statistics});
    ASSERT_EQ(g.values.size(), 9u);
    // The place (1, 2), by hand.
    Tree moved = plane.origin;
    for (const auto& [name, t] : plane.a)
      moved[name] = plane.origin.at(name) + t + plane.b.at(name) * 2;
    auto copy = conv_net();
    nn::assign(*copy, moved);
    nn::Ctx ctx;
    ctx.training = statistics == NormStatistics::batch;
    ctx.frozen = {"1"};  // the dropout
    const Tensor scores = nn::forward(*copy, batch().images, ctx);
    EXPECT_NEAR(g.at(2, 2), classification_loss(scores, batch().labels).item<double>(), 1e-5);
    EXPECT_NE(g.at(0, 1), g.at(2, 2));
  }
  EXPECT_EQ(fingerprint(nn::parameters(*net)), before);
  EXPECT_EQ(fingerprint(nn::state(*net)), state);
}

// Pooling over regions drawn at random is no dropout layer, and draws nothing here.
TEST(LossSurface, NothingIsLeftToChance) {
  auto net = models::build(
      {.name = "layers",
       .input = {5, 5, 2},
       .classes = 3,
       .layers = {{"fractional_max_pool", {}}, {"flatten", {}}, {"linear", {{"out", "3"}}}}});
  nn::initialize(*net, Key(1));
  const Plane plane{
      .origin = nn::parameters(*net),
      .a = filter_normalised_direction(*net, Key(2)),
      .b = filter_normalised_direction(*net, Key(3))};
  const report::Grid g = losses_on(
      *net, {batch()}, plane, {.x_low = 0, .x_high = 0, .y_low = 0, .y_high = 0, .side = 2}, {});
  nn::Ctx drawn;
  drawn.training = true;
  nn::forward(*net, batch().images, drawn);
  ASSERT_TRUE(drawn.has_drawn());
  nn::Ctx still;
  const Tensor scores = nn::forward(*net, batch().images, still);
  EXPECT_NEAR(g.at(0, 0), classification_loss(scores, batch().labels).item<double>(), 1e-6);
}

// Points on a known plane, and one off it by a little.
TEST(LossSurface, ThePlaneOfAPathIsThatOfItsPrincipalComponents) {
  auto at = [](float x, float y, float z) {
    return Tree{{"p", Tensor::from<float>({x, y, z, 1, 2, 3}, {2, 3})}};
  };
  const PathPlane p =
      plane_of({at(10, 0, 0), at(6, 3, 0), at(3, -3, 0.1f), at(0, 2, 0), at(0, 0, 0)});
  EXPECT_GT(p.explained, 0.9998);
  EXPECT_LT(p.explained, 1);
  for (const Tree* d : {&p.plane.a, &p.plane.b})
    EXPECT_NEAR(norm(d->at("p").data<float>()), 1, 1e-5);
  EXPECT_NEAR(std::abs(p.plane.a.at("p").data<float>()[0]), 1, 0.02);
  EXPECT_NEAR(std::abs(p.plane.b.at("p").data<float>()[1]), 1, 0.02);
  ASSERT_EQ(p.x.size(), 5u);
  EXPECT_EQ(p.x.back(), 0);
  EXPECT_NEAR(std::abs(p.x[0]), 10, 0.1);
  const double sign = p.plane.a.at("p").data<float>()[0] > 0 ? 1 : -1;
  EXPECT_NEAR(p.x[1] * sign, 6, 0.3);
  const PlaneRange r = p.around();
  for (size_t i = 0; i < 5; ++i) {
    EXPECT_LT(r.x_low, p.x[i]);
    EXPECT_GT(r.x_high, p.x[i]);
    EXPECT_LT(r.y_low, p.y[i]);
    EXPECT_GT(r.y_high, p.y[i]);
  }
  EXPECT_HAS(message_of([&] { plane_of({at(1, 0, 0), at(0, 0, 0)}); }), "three sets");
  EXPECT_HAS(
      message_of([&] {
        plane_of({at(1, 0, 0), at(2, 0, 0), at(0, 0, 0)});
      }),
      "lie on a line");
}

TEST(LossSurface, APlaneWithoutAFiniteLossSaysSo) {
  LossSurface s{.title = "wild"};
  s.range = {.x_low = -1, .x_high = 1, .y_low = -1, .y_high = 1, .side = 2};
  s.losses = {2, 2, {NAN, INFINITY, NAN, NAN}};
  const report::FieldChart chart = surface_chart(s);
  for (double level : chart.levels) EXPECT_TRUE(std::isfinite(level));
  const std::string svg = report::field_chart(chart).markup;
  EXPECT_TRUE(report::is_well_formed(svg));
  EXPECT_HAS(svg, "no loss is finite here");
}

class LossSurfaceTest : public test::FolderTest {};

TEST_F(LossSurfaceTest, OfARunAndOfItsPath) {
  const std::string run = train(small_recipe(
                                    path(),
                                    {{"run.name", "r"},
                                     {"train.snapshots", "3"},
                                     {"train.epochs", "4"},
                                     {"optimizer.lr", "0.02"}}))
                              .folder;
  LossSurface s = loss_surface(run, {.side = 5, .pictures = 45});
  EXPECT_EQ(s.pictures, 45);
  ASSERT_EQ(s.losses.values.size(), 25u);
  const double middle = s.losses.at(2, 2);
  EXPECT_LT(middle, 2);  // the model itself, which has learnt something
  EXPECT_GT(std::ranges::max(s.losses.values), 1.2 * middle);
  EXPECT_EQ(loss_surface(run, {.side = 5, .pictures = 45}).losses.values, s.losses.values);
  EXPECT_NE(
      loss_surface(run, {.side = 5, .pictures = 45, .seed = 2}).losses.values, s.losses.values);

  s.title = "a <b>";
  for (const char* file : {"s.html", "s.svg", "s.csv"}) write_loss_surface(s, path(file));
  const std::string page = read("s.html");
  EXPECT_HAS(page, "a &lt;b&gt;");
  EXPECT_EQ(report::count(page, "<svg"), 2);
  EXPECT_TRUE(report::stands_alone(page));
  EXPECT_HAS(page, "statistics of each batch");
  EXPECT_TRUE(report::is_well_formed(read("s.svg")));
  EXPECT_EQ(report::count(read("s.csv"), "\n"), 26);
  EXPECT_HAS(message_of([&] { write_loss_surface(s, path("s.png")); }), ".html, .svg or .csv");

  const LossSurface way =
      loss_surface(run, {.side = 3, .pictures = 20, .split = "val", .path = true});
  EXPECT_EQ(way.path.x.size(), 3u);
  EXPECT_NEAR(way.path.explained, 1, 1e-6);  // three points lie in a plane
  write_loss_surface(way, path("way.html"));
  EXPECT_HAS(read("way.html"), "stroke=\"#e0342c\"");
}

TEST_F(LossSurfaceTest, SaysWhatIsMissing) {
  EXPECT_HAS(message_of([&] { loss_surface(path("none")); }), "there is no such folder");
  EXPECT_HAS(message_of([&] { loss_surface(path("none"), {.reach = 0}); }), "a reach above 0");
  const std::string run =
      train(small_recipe(path(), {{"run.name", "r"}, {"train.epochs", "1"}, {"data.limit", "60"}}))
          .folder;
  EXPECT_HAS(
      message_of([&] { loss_surface(run, {.path = true}); }),
      "train it with --set train.snapshots=3 or more, at most train.epochs");
}

}  // namespace
}  // namespace fovea::train
