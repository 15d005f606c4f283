#include "fovea/train/toy.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "fovea/data/loader.h"
#include "fovea/data/point_dataset.h"
#include "fovea/optim/factory.h"
#include "fovea/report/html.h"
#include "fovea/train/fit.h"
#include "fovea/train/setup.h"
#include "fovea/train/signals.h"
#include "fovea/train/step.h"

namespace fovea::train {

namespace {

constexpr size_t most_moments = 40;  // that curves and the path are drawn through

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
  m.preprocess = data::point_preprocess(points);
  nn::initialize(*m.net, Key(recipe.seed).fold_in(1));
  return m;
}

void add_course(report::HtmlReport& page, const ToyRun& run) {
  page.section("While it learnt");
  add_region_frames(page, run.frames, "step");
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
  models::Model model = model_of(recipe, points);
  std::vector<int64_t> counts(points.classes.size());
  for (int label : points.labels) ++counts[size_t(label)];
  const LossOptions loss = loss_options(recipe, counts, points.classes);
  const data::DatasetPtr dataset = data::make_point_dataset(recipe.source, points);
  data::Loader whole(dataset, {.batch_size = n, .preprocess = model.preprocess, .workers = 0});
  whole.start(0);
  const std::vector<data::Batch> all{*whole.next()};
  data::Loader loader(
      dataset,
      {.batch_size = recipe.batch,
       .preprocess = model.preprocess,
       .key = Key(recipe.seed).fold_in(4),
       .shuffle = true,
       .drop_last = n >= recipe.batch,
       .workers = 0});
  fit_layers(model, all[0].images, all[0].labels, Key(recipe.seed).fold_in(8));
  const Scorer scorer = scorer_of(model);

  const int64_t batches = loader.batches(),
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
  double epoch_loss = 0;
  for (int64_t step = 0; step < steps; ++step) {
    if (step % batches == 0) loader.start(step / batches);
    const data::Batch batch = *loader.next();
    optimizer->set_lr(schedule->lr(step));
    const StepResult r = train_step(
        model,
        *optimizer,
        batch,
        Key(recipe.seed).fold_in(5).fold_in(uint64_t(step)),
        {.loss = loss, .clip_norm = recipe.clip_norm, .regularization = recipe.regularization});
    epoch_loss += r.loss / double(batches);
    if ((step + 1) % batches == 0) schedule->epoch_end(std::exchange(epoch_loss, 0));
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
  s.path_losses = run.losses.y;
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
  std::vector<report::Figure> figures{region_figure(run.regions)};
  if (run.path) figures.push_back(surface_figure(*run.path));
  page.figures(figures);
  if (run.steps > 0) add_course(page, run);
  page.write(path);
}

}  // namespace fovea::train
