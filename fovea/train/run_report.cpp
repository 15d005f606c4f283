#include "fovea/train/run_report.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <sstream>

#include <fmt/format.h>

#include "fovea/classic/templates.h"
#include "fovea/core/errors.h"
#include "fovea/core/text.h"
#include "fovea/data/point_dataset.h"
#include "fovea/models/summary.h"
#include "fovea/ops/shape.h"
#include "fovea/report/html.h"
#include "fovea/report/weight_pictures.h"
#include "fovea/train/evaluate.h"
#include "fovea/train/layer_report.h"
#include "fovea/train/loss_surface.h"
#include "fovea/train/regions.h"
#include "fovea/train/signals.h"

namespace fovea::train {

namespace {

using report::Tone;

std::string percent(double share) { return fmt::format("{:.2f} %", 100 * share); }

void add_cards(report::HtmlReport& html, const models::Model& model, const TrainResult& result) {
  std::vector<report::Card> cards;
  auto split = [&](const char* name, const std::optional<Evaluation>& e) {
    if (!e) return;
    cards.push_back(
        {name, percent(e->top1), fmt::format("{} of {} right", e->correct(), e->samples)});
    if (e->classes.size() > 10)
      cards.push_back({fmt::format("{}, top 5", name), percent(e->top5), ""});
  };
  split("Test accuracy", result.test);
  split("Validation accuracy", result.val);
  int64_t parameters = nn::count_parameters(*model.net);
  cards.push_back(
      {"Parameters",
       fmt::format("{}", parameters),
       parameters < 25'000 ? fmt::format("{:.1f} kB", double(parameters) * 4e-3)
                           : fmt::format("{:.2f} MB", double(parameters) * 4e-6)});
  cards.push_back(
      {"Training", fmt::format("{:.0f} s", result.seconds), counted(result.steps, "step")});
  html.cards(cards);
}

report::Series series_of(
    const std::vector<Metrics>& lines, const char* event, const char* value, const char* name) {
  report::Series s{name, {}, {}};
  for (const Metrics& m : lines) {
    auto it = m.values.find(value);
    if (m.event != event || it == m.values.end()) continue;
    s.x.push_back(double(m.step));
    s.y.push_back(it->second);
  }
  return s;
}

void add_curves(report::HtmlReport& html, const std::vector<Metrics>& lines) {
  auto chart = [&](const char* title, const char* train, const char* val, report::Unit unit) {
    report::LineChart c{.title = title};
    c.x_label = "step";
    c.unit = unit;
    c.series = {
        series_of(lines, "step", train, "training"), series_of(lines, "epoch", val, "validation")};
    std::erase_if(c.series, [](const report::Series& s) { return s.x.empty(); });
    return report::Figure{report::line_chart(c), ""};
  };
  report::LineChart lr{.title = "Learning rate"};
  lr.x_label = "step";
  lr.series = {series_of(lines, "step", "lr", "learning rate")};
  std::vector<report::Figure> figures{
      chart("Loss", "train_loss", "val_loss", report::Unit::plain),
      chart("Accuracy", "train_top1", "val_top1", report::Unit::percent),
      {report::line_chart(lr), ""}};
  html.figures(figures);
}

}  // namespace

void add_remarks(report::HtmlReport& html, std::span<const Remark> remarks) {
  html.section("What the doctor says");
  if (remarks.empty())
    html.paragraph("Nothing keeps this run from training well, as far as it sees.");
  for (const Remark& r : remarks)
    html.note(
        r.severity == "problem"   ? Tone::bad
        : r.severity == "warning" ? Tone::warning
                                  : Tone::neutral,
        fmt::format(
            "{} ({:.0f} % sure): {}. What to do: {}.", r.id, 100 * r.certainty, r.saw, r.advice));
}

namespace {

void add_evaluation(
    report::HtmlReport& html,
    const models::Model& model,
    const Evaluation& e,
    const data::Dataset& dataset) {
  html.section("Where it errs");
  if (e.classes.size() <= 40) {
    report::HeatMap map{.title = "Confusion matrix"};
    map.rows = map.columns = e.classes;
    for (int64_t n : e.confusion) map.values.push_back(double(n));
    report::BarChart recall{.title = "Recall: how much of each class was found"};
    recall.unit = report::Unit::percent;
    for (const ClassRow& r : e.rows) recall.bars.push_back({r.name, r.recall});
    std::vector<report::Figure> figures{
        {report::heat_map(map), "Rows are the truth."}, {report::bar_chart(recall), ""}};
    html.figures(figures);
  }
  report::Table table;
  table.columns = {"class", "samples", "precision", "recall", "f1"};
  for (const ClassRow& r : e.rows)
    table.rows.push_back(
        {r.name, std::to_string(r.count), percent(r.precision), percent(r.recall), percent(r.f1)});
  html.table(table, "Each class on its own");

  if (data::holds_points(dataset)) return;
  std::vector<report::Picture> pictures;
  for (const Mistake& m : e.mistakes)
    pictures.push_back(
        {model.preprocess.geometry(dataset.image(m.index, model.preprocess.decode_options())),
         fmt::format("{}, not {}", e.classes[size_t(m.truth)], e.classes[size_t(m.predicted)]),
         dataset.sample_name(m.index),
         Tone::bad,
         m.probability});
  html.section("The worst mistakes");
  if (pictures.empty())
    html.paragraph("None: every picture was named rightly.");
  else
    html.paragraph("True class, then what the model said and how sure it was.");
  html.gallery(pictures);
}

void add_data(
    report::HtmlReport& html,
    const Recipe& recipe,
    const models::Model& model,
    const data::Dataset& d,
    int64_t most) {
  html.section("What the model was shown");
  html.paragraph("Training pictures after preprocessing and augmentation, as in the first epoch.");
  std::vector<int64_t> which;
  const int64_t shown = std::min<int64_t>(d.size(), most);
  for (int64_t k = 0; k < shown; ++k) which.push_back(k * d.size() / shown);
  html.gallery(pictures_as_shown(recipe, model, d, which));
}

void add_layers(report::HtmlReport& html, models::Model& model) {
  models::Summary s = models::summarize(*model.net, model.architecture.input);
  report::Table table;
  table.columns = {"layer", "op", "output", "parameters", "multiply-adds"};
  for (const models::LayerRow& r : s.layers)
    table.rows.push_back(
        {r.path,
         r.op,
         r.output.str(),
         std::to_string(r.parameters),
         fmt::format("{:.0f}", r.macs)});
  html.section("The network");
  if (const Tensor weights = first_layer_weights(model); !weights.is_empty()) {
    // A network that is one layer over all pixels has a template for each class.
    const auto layers = std::ranges::count_if(
        nn::parameters(*model.net), [](const auto& p) { return p.second.rank() >= 2; });
    const bool templates = layers == 1 && weights.dim(0) == int64_t(model.classes.size());
    html.paragraph(
        templates ? "What the model looks for: the template of each class, over its own range of "
                    "values. White counts for the class, black against it."
                  : "The filters of the first layer, each over its own range of values.");
    std::vector<report::Picture> pictures;
    for (image::Image& picture : report::weight_pictures(weights))
      pictures.push_back(
          {std::move(picture), templates ? model.classes[pictures.size()] : std::string()});
    html.gallery(pictures);
  }
  html.table(
      table,
      fmt::format(
          "{}: {} parameters, {:.3g} multiply-adds a picture",
          model.architecture.name,
          s.parameters,
          s.macs));
}

// The regions with the points the model has learnt from and those kept back, and how they
// formed, where the run keeps snapshots.
void add_plane(
    report::HtmlReport& html,
    const RunFolder& run,
    const models::Model& model,
    const data::Source& source) {
  constexpr size_t most_frames = 9;
  html.section("Where each class is");
  const data::Points train = data::points_of(*source.train);
  const Scorer scorer = scorer_of(model);
  std::vector<report::Figure> figures;
  auto add = [&](const data::Points& points, const char* title, const char* which) {
    figures.push_back(region_figure(
        region_chart(points, scorer, {.title = title}),
        fmt::format("{} of the {} are right.", percent(accuracy_on(points, scorer)), which)));
  };
  add(train, "Decision regions", "points it learnt from");
  if (source.held_out() != source.train)
    add(data::points_of(*source.held_out()), "The same with points kept back", "points kept back");
  html.figures(figures);

  const std::vector<std::string> files = snapshot_files(run.path());
  if (files.size() < 2) return;
  std::vector<RegionFrame> frames;
  for (size_t i : spread(files.size(), most_frames)) {
    const models::Model then = models::load_model(files[i]);
    const Scorer of_then = scorer_of(then);
    frames.push_back(
        {std::llround(then.metrics.at("epoch")),
         accuracy_on(train, of_then),
         region_thumbnail(train, of_then)});
  }
  html.section("How the regions formed");
  add_region_frames(html, frames, "epoch");
}

std::string text_of(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

// Whether the layers are a projection and a linear layer, as classic_layers() has them.
bool projects_to_linear(const models::Architecture& a) {
  return a.layers.size() == 3 && a.layers[1].type == "project" && a.layers[2].type == "linear";
}

}  // namespace

std::vector<report::Picture> pictures_as_shown(
    const Recipe& recipe,
    const models::Model& model,
    const data::Dataset& d,
    std::span<const int64_t> which) {
  std::vector<report::Picture> pictures;
  if (data::holds_points(d)) return pictures;
  for (int64_t i : which) {
    try {
      image::Image picture =
          model.preprocess.geometry(d.image(i, model.preprocess.decode_options()));
      Key key = Key(recipe.seed).fold_in(4).fold_in(0).fold_in(uint64_t(i));
      pictures.push_back({recipe.augment.apply(picture, key), model.classes[size_t(d.label(i))]});
    } catch (const IoError&) {  // the loader tells of it
    }
  }
  return pictures;
}

Tensor first_layer_weights(models::Model& model) {
  // Behind a projection, a linear layer's templates are more telling than the axes before it.
  if (projects_to_linear(model.architecture))
    return transpose(classic::templates(*model.net, model.architecture.input), {0, 3, 1, 2}).eval();
  const Shape& input = model.architecture.input;
  if (model.preprocess.takes_points()) return {};
  for (const auto& [name, t] : nn::export_tree(*model.net)) {
    if (name.ends_with("points")) continue;  // samples of k nearest neighbours
    if (t.rank() == 4 && t.dim(1) == input[2] && t.dim(2) >= 3) return t;
    if (t.rank() == 2 && t.dim(1) == input.numel())
      return reshape(t, {t.dim(0), input[2], input[0], input[1]}).eval();
  }
  return {};
}

void write_run_report(
    const RunFolder& run,
    const Recipe& recipe,
    models::Model& model,
    const data::Source& source,
    const TrainResult& result) {
  report::HtmlReport html(
      recipe.name, fmt::format("{} trained on {}", model.architecture.name, source.train->name()));
  html.section("How it went");
  if (!result.ended.empty()) html.paragraph(result.ended + ".");
  add_cards(html, model, result);
  if (result.steps > 0) add_curves(html, read_metrics(run.file("metrics.jsonl")));
  if (model.preprocess.takes_points()) add_plane(html, run, model, source);
  if (std::ifstream(run.file("layers.jsonl")))
    add_layers_over_time(html, read_layer_records(run.file("layers.jsonl")));
  for (const LossSurface& s : kept_surfaces(run)) {
    html.section(s.is_path() ? "The way of the training" : "The loss around the model");
    add_surface(html, s);
  }
  if (result.remarks) add_remarks(html, *result.remarks);
  if (result.test)
    add_evaluation(html, model, *result.test, *source.test);
  else if (result.val)
    add_evaluation(html, model, *result.val, *source.val);
  // Large photographs take a tenth of a second each, and who stops a run does not want to wait.
  if (!model.preprocess.takes_points())
    add_data(html, recipe, model, *source.train, result.ended.empty() ? 24 : 8);
  add_layers(html, model);
  html.section("The recipe");
  html.code(text_of(run.file("recipe.toml")));
  html.write(run.file("report.html"));
}

void judge(
    const models::Model& best,
    const data::Source& source,
    const Recipe& recipe,
    TrainResult& result) {
  const EvaluateOptions o{
      .batch_size = recipe.batch, .workers = recipe.workers, .max_corrupt = recipe.max_corrupt};
  if (source.val) result.val = evaluate(best, source.val, o);
  if (source.test) result.test = evaluate(best, source.test, o);
}

void rewrite_run_report(
    const std::string& folder, const std::optional<std::vector<Remark>>& remarks) {
  const RunFolder run = RunFolder::open(folder);
  TrainResult result{.folder = folder, .remarks = remarks};
  bool ended = false;
  for (const Metrics& m : read_metrics(run.file("metrics.jsonl"))) {
    ended = m.event == "end";
    result.steps = m.step;
    if (const auto it = m.values.find("seconds"); it != m.values.end()) result.seconds = it->second;
  }
  if (!ended)
    throw std::invalid_argument(fmt::format(
        "{} has not come to its end and has no report yet: `fovea train --resume {}` goes on",
        folder,
        folder));
  Config config = recipe_config();
  config.read_toml(run.file("recipe.toml"));
  const Recipe recipe(config);
  const Setup setup = set_up(recipe);
  models::Model best = models::load_model(run.file("model.safetensors"));
  judge(best, setup.source, recipe, result);
  write_run_report(run, recipe, best, setup.source, result);
}

}  // namespace fovea::train
