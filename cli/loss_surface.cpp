// fovea loss-surface: the loss around a trained model, as a map.
#include "fovea/train/loss_surface.h"

#include <algorithm>
#include <filesystem>
#include <memory>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "cli/json_text.h"
#include "cli/output_file.h"
#include "cli/verb.h"
#include "fovea/doctor/page.h"
#include "fovea/train/run_report.h"

namespace fovea::cli {

namespace {

struct Options {
  std::string run, out, statistics = "batch";
  train::SurfaceOptions how;
};

// The run keeps the surface, and its report is written anew.
void put_into_report(const std::string& folder, const train::LossSurface& s) {
  std::optional<std::vector<train::Remark>> remarks;
  const train::RunFolder run = train::RunFolder::open(folder);
  if (std::filesystem::exists(run.file("doctor.json")))
    remarks = doctor::remarks_of(doctor::examine_run(folder).findings);
  train::keep_surface(run, s);
  train::rewrite_run_report(folder, remarks);
}

int run(const Options& o, const Globals& g) {
  check_output("--out", o.out, {".html", ".svg", ".csv"});
  train::SurfaceOptions how = o.how;
  how.statistics =
      o.statistics == "batch" ? train::NormStatistics::batch : train::NormStatistics::running;
  how.progress = [&](int done, int of) {
    if (done % std::max(of / 10, 1) == 0) tell(g, fmt::format("{} of {} places", done, of));
  };
  const train::LossSurface s = train::loss_surface(o.run, how);
  if (o.out.empty())
    put_into_report(o.run, s);
  else
    train::write_loss_surface(s, o.out);
  const std::string file = o.out.empty() ? o.run + "/report.html" : o.out;
  const int middle = s.range.side / 2;
  const auto [low, high] = std::ranges::minmax(s.losses.values);
  if (g.json) {
    nlohmann::ordered_json rows = nlohmann::json::array();
    for (int r = 0; r < s.losses.rows; ++r) {
      nlohmann::ordered_json row = nlohmann::json::array();
      for (int c = 0; c < s.losses.columns; ++c) row.push_back(s.losses.at(r, c));
      rows.push_back(std::move(row));
    }
    const nlohmann::ordered_json j{
        {"file", file},
        {"pictures", s.pictures},
        {"split", s.split},
        {"statistics", o.statistics},
        {"x", {s.range.x_low, s.range.x_high}},
        {"y", {s.range.y_low, s.range.y_high}},
        {"path", {{"x", s.path.x}, {"y", s.path.y}, {"losses", s.path_losses}}},
        {"losses", rows}};
    print(json_text(j));
  } else {
    const std::string at_model =
        o.how.path ? "" : fmt::format(", {:.4g} at the model", s.losses.at(middle, middle));
    print(fmt::format(
        "loss from {:.4g} to {:.4g} on {} samples of {}{}\n{}\n",
        low,
        high,
        s.pictures,
        s.split,
        at_model,
        file_line(o.out.empty() ? "report" : "written", file)));
  }
  return ok;
}

}  // namespace

Verb loss_surface_verb() {
  return {
      "loss-surface",
      "Map the loss around a trained run along two random directions, or along its path",
      {"fovea loss-surface runs/lenet5-digits",
       "fovea loss-surface runs/lenet5-digits --path --out path.svg"},
      [](Arguments& app) {
        auto o = std::make_shared<Options>();
        app.add_option("run", o->run, "The folder of a finished run")->type_name("RUN")->required();
        app.add_option(
               "--out",
               o->out,
               "A file of its own, .html, .svg or .csv, instead of a section of the run's report")
            ->type_name("FILE");
        app.add_option(
               "--side",
               o->how.side,
               "Places along each direction; an odd number puts the model in the middle")
            ->check(positive())
            ->capture_default_str();
        app.add_option("--reach", o->how.reach, "How far to go, in lengths of the filters")
            ->check(positive())
            ->capture_default_str();
        app.add_option("--pictures", o->how.pictures, "Samples to take the mean loss over")
            ->check(positive())
            ->capture_default_str();
        app.add_option("--split", o->how.split, "Split the pictures are taken from")
            ->check(one_of({"train", "val", "test"}))
            ->capture_default_str();
        app.add_option("--seed", o->how.seed, "Seed of the directions")
            ->check(not_negative())
            ->capture_default_str();
        app.add_option(
               "--statistics",
               o->statistics,
               "What batch norms divide by: of each batch, or the trained running ones")
            ->check(one_of({"batch", "running"}))
            ->capture_default_str();
        app.add_flag(
            "--path", o->how.path, "The plane of the run's snapshots, with the way between them");
        return [o](const Globals& g) { return run(*o, g); };
      }};
}

}  // namespace fovea::cli
