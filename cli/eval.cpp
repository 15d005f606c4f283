// fovea eval: how good a model is on a dataset.
#include <memory>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "cli/json_text.h"
#include "cli/model_flags.h"
#include "cli/verb.h"
#include "cli/view_flags.h"
#include "fovea/data/source.h"
#include "fovea/report/table.h"
#include "fovea/train/evaluate.h"

namespace fovea::cli {

namespace {

struct Options {
  std::string model, data, split;
  OpenFlags open;
  int64_t batch = 128;
  int workers = 1;
  int mistakes = 10;
  ViewFlags views;
};

nlohmann::ordered_json json_of(
    const train::Evaluation& e, const data::Dataset& dataset, const data::Views& views) {
  nlohmann::ordered_json j{
      {"data", dataset.name()},
      {"samples", e.samples},
      {"skipped", e.skipped},
      {"views",
       {{"count", views.count()},
        {"what", views.str()},
        {"dense", views.options().whole},
        {"average", "probabilities"}}},
      {"correct", e.correct()},
      {"top1", e.top1},
      {"top5", e.top5},
      {"balanced", e.balanced},
      {"loss", e.loss},
      {"seconds", e.seconds}};
  for (const train::ClassRow& r : e.rows)
    j["classes"].push_back(
        {{"name", r.name},
         {"count", r.count},
         {"precision", r.precision},
         {"recall", r.recall},
         {"f1", r.f1}});
  size_t n = e.classes.size();
  for (size_t c = 0; c < n; ++c)
    j["confusion"].push_back(std::vector<int64_t>(
        e.confusion.begin() + int64_t(c * n), e.confusion.begin() + int64_t(c * n + n)));
  j["mistakes"] = nlohmann::ordered_json::array();
  for (const train::Mistake& m : e.mistakes)
    j["mistakes"].push_back(
        {{"sample", dataset.sample_name(m.index)},
         {"truth", e.classes[size_t(m.truth)]},
         {"predicted", e.classes[size_t(m.predicted)]},
         {"probability", m.probability},
         {"loss", m.loss}});
  return j;
}

void print_text(const train::Evaluation& e, const data::Dataset& dataset) {
  print(fmt::format(
      "{}: {} samples{}\ntop-1 {:.2f} %  balanced {:.2f} %  top-5 {:.2f} %  loss "
      "{:.4f}\n\n",
      dataset.name(),
      e.samples,
      e.skipped ? fmt::format(", {} unreadable left out", e.skipped) : "",
      100 * e.top1,
      100 * e.balanced,
      100 * e.top5,
      e.loss));
  report::Table classes;
  classes.columns = {"class", "samples", "precision", "recall", "f1"};
  for (const train::ClassRow& r : e.rows)
    classes.rows.push_back(
        {r.name,
         std::to_string(r.count),
         fmt::format("{:.1f} %", 100 * r.precision),
         fmt::format("{:.1f} %", 100 * r.recall),
         fmt::format("{:.1f} %", 100 * r.f1)});
  print(report::text_table(classes) + "\n");
  size_t n = e.classes.size();
  if (n <= 20) {
    report::Table confusion;
    confusion.columns.push_back("true \\ predicted");
    for (const std::string& name : e.classes) confusion.columns.push_back(name.substr(0, 10));
    for (size_t c = 0; c < n; ++c) {
      std::vector<std::string> row{e.classes[c]};
      for (size_t k = 0; k < n; ++k) row.push_back(std::to_string(e.confusion[c * n + k]));
      confusion.rows.push_back(std::move(row));
    }
    print(report::text_table(confusion) + "\n");
  }
  if (e.mistakes.empty()) return;
  report::Table mistakes;
  mistakes.columns = {"worst mistakes", "true", "predicted", "sure"};
  for (const train::Mistake& m : e.mistakes)
    mistakes.rows.push_back(
        {dataset.sample_name(m.index),
         e.classes[size_t(m.truth)],
         e.classes[size_t(m.predicted)],
         fmt::format("{:.1f} %", 100 * m.probability)});
  print(report::text_table(mistakes));
}

int run(const Options& o, const Globals& g) {
  const models::Model model = o.views.fitted(o.open.open(o.model));
  data::Source source =
      data::open(o.data, {.classes = model.classes, .allow_missing_classes = true});
  for (const std::string& text : source.notes) tell(g, "note: " + text);
  data::DatasetPtr dataset = source.split(o.split);
  const data::Views views(model.preprocess, o.views.options());
  o.views.tell_of(views, g);
  train::Evaluation e = train::evaluate(
      model,
      dataset,
      {.batch_size = o.batch,
       .workers = o.workers,
       .keep_mistakes = o.mistakes,
       .views = views.options()});
  if (g.json)
    print(json_text(json_of(e, *dataset, views)));
  else
    print_text(e, *dataset);
  tell(g, fmt::format("{:.0f} images/s", double(e.samples) / std::max(e.seconds, 1e-9)));
  return ok;
}

}  // namespace

Verb eval_verb() {
  return {
      "eval",
      "Judge a model on labelled pictures",
      {"fovea eval runs/convnet-digits/model.safetensors --data digits",
       "fovea eval model.safetensors --data photos/ --split val --json",
       "fovea eval model.safetensors --data photos/ --views ten-crop --scales 224,256,384,480,640",
       "fovea eval model.safetensors --data photos/ --dense --views flip --scales 256,384"},
      [](Arguments& app) {
        auto o = std::make_shared<Options>();
        o->open.add_to(app, o->model);
        app.add_option("--data", o->data, "Labelled pictures, as for train")
            ->type_name("SOURCE")
            ->required();
        app.add_option("--split", o->split, "Which split; by default test, else val, else train")
            ->check(one_of({"train", "val", "test"}));
        app.add_option("--batch", o->batch, "Pictures per step, views counted")->check(positive());
        app.add_option("--workers", o->workers, "Loader threads")->check(not_negative());
        app.add_option("--mistakes", o->mistakes, "How many of the worst mistakes to list")
            ->check(not_negative());
        o->views.add_to(app);
        return [o](const Globals& g) { return run(*o, g); };
      }};
}

}  // namespace fovea::cli
