// Loss surfaces in the folder of a run, for its report.
#include <cmath>
#include <fstream>
#include <iterator>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "fovea/core/atomic_file.h"
#include "fovea/core/errors.h"
#include "fovea/train/loss_surface.h"

namespace fovea::train {

namespace {

using Json = nlohmann::json;

constexpr const char* files[] = {"surface.json", "surface-path.json"};

// Numbers that are not finite are null in JSON.
std::vector<double> numbers(const Json& list) {
  std::vector<double> values;
  for (const Json& v : list) values.push_back(v.is_null() ? INFINITY : v.get<double>());
  return values;
}

LossSurface surface_of(const Json& j) {
  LossSurface s{
      .title = j.at("title"),
      .split = j.at("split"),
      .pictures = j.at("samples"),
      .statistics = j.at("batch_statistics") ? NormStatistics::batch : NormStatistics::running};
  s.range = {
      .x_low = j.at("x").at(0),
      .x_high = j.at("x").at(1),
      .y_low = j.at("y").at(0),
      .y_high = j.at("y").at(1),
      .side = j.at("side")};
  s.losses = {s.range.side, s.range.side, numbers(j.at("losses"))};
  s.path.x = numbers(j.at("path").at("x"));
  s.path.y = numbers(j.at("path").at("y"));
  s.path.explained = j.at("path").at("explained");
  s.path_losses = numbers(j.at("path").at("losses"));
  const size_t n = s.path.x.size(), places = s.losses.values.size();
  const bool fits = s.range.side >= 2 && places % size_t(s.range.side) == 0 &&
                    places / size_t(s.range.side) == size_t(s.range.side) && s.path.y.size() == n &&
                    s.path_losses.size() == n;
  if (!fits)
    throw std::invalid_argument(fmt::format(
        "expected {0} x {0} losses and as many places of the path as losses on it, got {1}, and "
        "{2}, {3} and {4}",
        s.range.side,
        places,
        n,
        s.path.y.size(),
        s.path_losses.size()));
  return s;
}

}  // namespace

void keep_surface(const RunFolder& run, const LossSurface& s) {
  const Json j{
      {"title", s.title},
      {"split", s.split},
      {"samples", s.pictures},
      {"batch_statistics", s.statistics == NormStatistics::batch},
      {"x", {s.range.x_low, s.range.x_high}},
      {"y", {s.range.y_low, s.range.y_high}},
      {"side", s.range.side},
      {"losses", s.losses.values},
      {"path",
       {{"x", s.path.x},
        {"y", s.path.y},
        {"losses", s.path_losses},
        {"explained", s.path.explained}}}};
  write_file_atomic(run.file(files[s.is_path()]), j.dump() + "\n");
}

std::vector<LossSurface> kept_surfaces(const RunFolder& run) {
  std::vector<LossSurface> surfaces;
  for (const char* name : files) {
    std::ifstream file(run.file(name));
    if (!file) continue;
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    try {
      surfaces.push_back(surface_of(Json::parse(text)));
    } catch (const std::exception& e) {
      throw IoError(
          run.file(name),
          fmt::format("no loss surface: {}; `fovea loss-surface` writes it anew", e.what()));
    }
  }
  return surfaces;
}

std::vector<std::string> map_losses(
    const RunFolder& run, const Recipe& recipe, const Setup& setup, nn::Module& net) {
  if (nn::parameters(net).empty())
    return {"the report has no loss surface: nothing of this model is trained by steps"};
  std::vector<std::string> notes;
  for (const bool path : {false, true}) {
    try {
      keep_surface(
          run, loss_surface(run, recipe, setup, net, {.side = 21, .pictures = 256, .path = path}));
    } catch (const std::invalid_argument& e) {
      notes.push_back(fmt::format(
          "the report has no {}: {}", path ? "way of the weights" : "loss surface", e.what()));
    }
  }
  return notes;
}

}  // namespace fovea::train
