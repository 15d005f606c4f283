#include "fovea/train/toy.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "fovea/data/split.h"
#include "fovea/ops/elementwise.h"
#include "fovea/ops/shape.h"
#include "fovea/optim/factory.h"
#include "fovea/report/html.h"
#include "fovea/train/fit.h"
#include "fovea/train/setup.h"
#include "fovea/train/signals.h"
#include "fovea/train/step.h"

namespace fovea::train {

namespace {

constexpr size_t most_moments = 40;  // that curves and the path are drawn through

// Inputs (n, 1, 1, 2) of a network, from points (n, 2).
struct Normal {
  Tensor mean, width;

  explicit Normal(const data::Points& points) {
    double sum[2] = {}, squares[2] = {};
    const double n = double(points.at.size());
    for (const auto& p : points.at)
      for (size_t c = 0; c < 2; ++c) sum[c] += p[c] / n;
    for (const auto& p : points.at)
      for (size_t c = 0; c < 2; ++c) squares[c] += (p[c] - sum[c]) * (p[c] - sum[c]) / n;
    mean = Tensor::from<float>({float(sum[0]), float(sum[1])}, {2});
    width = Tensor::from<float>(
        {float(std::sqrt(squares[0]) + 1e-6), float(std::sqrt(squares[1]) + 1e-6)}, {2});
  }
  Tensor operator()(const Tensor& points) const {
    return reshape((points - mean) / width, {points.dim(0), 1, 1, 2}).eval();
  }
};

models::Model model_of(const Recipe& recipe, const data::Points& points) {
  if (recipe.model != "layers" && recipe.model != "linear" && recipe.model != "two_layer")
    throw std::invalid_argument(fmt::format(
        "points have no pixels: expected the model linear, two_layer, knn, svm, l2svm, softmax, "
        "rbf, tree or layers, got {}",
        recipe.model));
  models::Model m;
  const auto classes = int64_t(points.classes.size());
  m.architecture = {
      .name = recipe.model,
      .input = {1, 1, 2},
      .classes = classes,
      .layers = layers_of(recipe, {1, 1, 2}, classes)};
  m.net = models::build(m.architecture);
  m.classes = points.classes;
  nn::initialize(*m.net, Key(recipe.seed).fold_in(1));
  return m;
}

data::Batch batch_of(const data::Points& points, const Normal& normal, std::vector<int64_t> rows) {
  data::Points some{.at = {}, .labels = {}, .classes = {}};
  for (int64_t i : rows) {
    some.at.push_back(points.at[size_t(i)]);
    some.labels.push_back(points.labels[size_t(i)]);
  }
  data::Batch b;
  b.images = normal(tensor_of(some));
  b.labels = Tensor::from<int32_t>(some.labels, {int64_t(some.labels.size())});
  b.indices = std::move(rows);
  return b;
}

void add_course(report::HtmlReport& page, const ToyRun& run) {
  page.section("While it learnt");
  std::vector<report::Picture> pictures;
  for (const ToyFrame& f : run.frames)
    pictures.push_back(
        {f.picture, fmt::format("step {}", f.step), fmt::format("{:.1f} %", 100 * f.accuracy)});
  page.gallery(pictures);
  report::LineChart loss{.title = "Loss"}, accuracy{.title = "Accuracy"};
  loss.x_label = accuracy.x_label = "step";
  loss.series = {run.losses};
  accuracy.series = {run.accuracies};
  accuracy.unit = report::Unit::percent;
  const report::Figure curves[] = {
      {report::line_chart(loss), ""}, {report::line_chart(accuracy), ""}};
  page.figures(curves);
}

}  // namespace

void set_toy_defaults(Config& c) {
  auto fill = [&](const char* key, const char* value) {
    if (!c.is_set(key)) c.set(key, value, "points");
  };
  fill("data.source", "spiral");
  if (c.list("model.layers").empty() && c.text("model.pattern").empty())
    fill("model.name", "two_layer");
  if (c.text("model.name") == "rbf") fill("rbf.units", "50");
  fill("train.epochs", "200");
  fill("train.batch", "32");
  fill("optimizer.lr", "0.01");
}

ToyRun train_toy(const Config& config, const data::Points& points, const ToyOptions& o) {
  if (points.at.size() < 2 || o.frames < 1)
    throw std::invalid_argument(fmt::format(
        "[toy] expected two points or more and a frame, got {} and {}",
        points.at.size(),
        o.frames));
  const Recipe recipe(config);
  use_processors(recipe);
  const auto n = int64_t(points.at.size());
  const Normal normal(points);
  models::Model model = model_of(recipe, points);
  std::vector<int64_t> counts(points.classes.size());
  for (int label : points.labels) ++counts[size_t(label)];
  const LossOptions loss = loss_options(recipe, counts, points.classes);
  std::vector<int64_t> everything(static_cast<size_t>(n));
  for (int64_t i = 0; i < n; ++i) everything[size_t(i)] = i;
  const std::vector<data::Batch> all{batch_of(points, normal, everything)};
  fit_layers(model, all[0].images, all[0].labels, Key(recipe.seed).fold_in(8));
  const Scorer scorer = [&](const Tensor& at) {
    nn::Ctx ctx;
    return nn::forward(*model.net, normal(at), ctx);
  };

  const int64_t batches = std::max<int64_t>(1, n / recipe.batch),
                steps = learns_by_steps(model) ? batches * recipe.epochs : 0;
  const auto optimizer = optim::make_optimizer(recipe.optimizer);
  const auto schedule = optim::make_schedule(
      recipe.schedule,
      {.lr = optimizer->lr(),
       .total_steps = std::max<int64_t>(1, steps),
       .steps_per_epoch = batches});
  const auto frames = spread(size_t(steps) + 1, size_t(o.frames));
  const auto moments = spread(size_t(steps) + 1, most_moments);
  ToyRun run{.title = recipe.name, .steps = steps};
  run.parameters = nn::count_parameters(*model.net);
  run.losses.name = "loss";
  run.accuracies.name = "accuracy";
  std::vector<Tree> path;
  auto look = [&](int64_t step) {
    const bool frame = std::ranges::binary_search(frames, size_t(step));
    const bool moment = std::ranges::binary_search(moments, size_t(step));
    if (!frame && !moment) return;
    run.accuracy = accuracy_on(points, scorer);
    if (frame) run.frames.push_back({step, run.accuracy, region_thumbnail(points, scorer)});
    if (!moment) return;
    run.loss = classification_loss(scorer(tensor_of(points)), all[0].labels, loss).item<double>();
    for (auto [series, value] :
         {std::pair{&run.losses, run.loss}, {&run.accuracies, run.accuracy}}) {
      series->x.push_back(double(step));
      series->y.push_back(value);
    }
    path.push_back(nn::parameters(*model.net));
  };
  look(0);
  for (int64_t step = 0; step < steps; ++step) {
    const auto order =
        data::permutation(n, Key(recipe.seed).fold_in(4).fold_in(uint64_t(step / batches)));
    const int64_t from = step % batches * recipe.batch;
    const data::Batch batch = batch_of(
        points, normal, {order.begin() + from, order.begin() + std::min(from + recipe.batch, n)});
    optimizer->set_lr(schedule->lr(step));
    train_step(
        model,
        *optimizer,
        batch,
        Key(recipe.seed).fold_in(5).fold_in(uint64_t(step)),
        {.loss = loss, .clip_norm = recipe.clip_norm, .regularization = recipe.regularization});
    if ((step + 1) % batches == 0) schedule->epoch_end(run.loss);
    look(step + 1);
  }
  run.regions = region_chart(points, scorer, {.side = o.side});
  if (o.surface < 2 || path.size() < 3) return run;

  LossSurface s{.title = run.title, .split = "the points", .pictures = n};
  try {
    s.path = plane_of(path);
  } catch (const std::invalid_argument&) {  // the weights went along a line, or nowhere
    return run;
  }
  s.range = s.path.around();
  s.range.side = o.surface;
  s.losses = losses_on(*model.net, all, s.path.plane, s.range, {.loss = loss});
  run.path = std::move(s);
  return run;
}

void write_toy(const ToyRun& run, const std::string& path) {
  report::HtmlReport page("Decision regions", run.title);
  const report::Card cards[] = {
      {"Accuracy", fmt::format("{:.1f} %", 100 * run.accuracy), "of all points, at the end"},
      {"Loss", fmt::format("{:.3g}", run.loss)},
      {"Parameters", std::to_string(run.parameters)},
      {"Steps", std::to_string(run.steps)}};
  page.cards(cards);
  page.section("Where each class is");
  std::vector<report::Figure> figures{
      {report::field_chart(run.regions),
       "The colour of each place is the class the model gives it, the stronger the surer it is."}};
  if (run.path) {
    report::FieldChart chart = surface_chart(*run.path);
    chart.title = "The way of the weights";
    figures.push_back(
        {report::field_chart(chart),
         fmt::format(
             "The loss on the plane in which the weights moved most, which holds {:.0f} % of their "
             "way; the red line is that way.",
             100 * run.path->path.explained)});
  }
  page.figures(figures);
  if (run.steps > 0) add_course(page, run);
  page.write(path);
}

}  // namespace fovea::train
