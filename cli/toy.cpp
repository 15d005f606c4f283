// fovea toy: what a classifier does with points of the plane.
#include "fovea/train/toy.h"

#include <cmath>
#include <filesystem>
#include <memory>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "cli/json_text.h"
#include "cli/output_file.h"
#include "cli/recipe_flags.h"
#include "cli/verb.h"
#include "fovea/core/text.h"

namespace fovea::cli {

namespace {

struct Options {
  RecipeFlags flags;
  data::PointOptions points;
  double noise = -1;
  train::ToyOptions how;
  std::string out = "toy.html";
};

int run(const Options& o, const Globals& g) {
  check_output("--out", o.out, {".html"});
  train::Config config = o.flags.config(g);
  train::set_toy_defaults(config);
  const std::string source = config.text("data.source");
  const train::Recipe recipe(config);
  data::PointOptions how = o.points;
  how.key = Key(recipe.seed).fold_in(8);
  if (o.noise >= 0) how.noise = o.noise;
  const bool file =
      source.find_first_of("./") != std::string::npos || std::filesystem::exists(source);
  const data::Points points = file ? data::read_points(source) : data::toy_points(source, how);
  const train::ToyRun r = train::train_toy(config, points, o.how);
  train::write_toy(r, o.out);
  if (g.json) {
    nlohmann::ordered_json frames = nlohmann::json::array();
    for (const train::RegionFrame& f : r.frames)
      frames.push_back({{"step", f.moment}, {"accuracy", f.accuracy}});
    const nlohmann::ordered_json j{
        {"file", o.out},
        {"points", points.at.size()},
        {"classes", points.classes},
        {"parameters", r.parameters},
        {"steps", r.steps},
        {"loss", r.loss},
        {"accuracy", r.accuracy},
        {"frames", frames}};
    print(json_text(j));
  } else {
    print(fmt::format(
        "{} of {} points right after {}, loss {:.4g}\n{}\n",
        std::lround(r.accuracy * double(points.at.size())),
        points.at.size(),
        counted(r.steps, "step"),
        r.loss,
        file_line("page", o.out)));
  }
  return ok;
}

}  // namespace

Verb toy_verb() {
  return {
      "toy",
      "Train on points of the plane and draw the decision regions as they form",
      {"fovea toy --data spiral --out spiral.html",
       "fovea toy --data moons --model linear --epochs 50",
       "fovea toy --data circles --model knn --set knn.k=1",
       "fovea toy net.toml --data points.csv --set optimizer.name=sgd --lr 0.1"},
      [](Arguments& app) {
        auto o = std::make_shared<Options>();
        o->flags.add_to(app, false);
        app.get_option("--data")->description(
            "moons, circles, spiral, blobs, or a file of lines x,y,class");
        app.get_option("--model")->description(
            "linear, two_layer, knn, svm, rbf, tree, or layers for [[model.layers]] of the recipe");
        app.add_option("--points", o->points.count, "Points of a built-in set")
            ->check(positive())
            ->capture_default_str();
        app.add_option("--classes", o->points.classes, "Classes of spiral and blobs")
            ->check(positive())
            ->capture_default_str();
        app.add_option("--noise", o->noise, "Deviation of the points; by default as suits the set")
            ->check(not_negative());
        app.add_option("--frames", o->how.frames, "Pictures over the training")
            ->check(positive())
            ->capture_default_str();
        app.add_option("--out", o->out, "The page to write")
            ->type_name("FILE.html")
            ->capture_default_str();
        return [o](const Globals& g) { return run(*o, g); };
      }};
}

}  // namespace fovea::cli
