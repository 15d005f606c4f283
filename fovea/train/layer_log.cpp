#include "fovea/train/layer_log.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "fovea/core/atomic_file.h"
#include "fovea/core/errors.h"
#include "fovea/models/summary.h"

namespace fovea::train {

namespace {

using Json = nlohmann::ordered_json;

Json number(double v) { return std::isfinite(v) ? Json(double(float(v))) : Json(nullptr); }
double number(const Json& j) { return j.is_number() ? j.get<double>() : NAN; }

Json json_of(const Histogram& h) {
  Json bins = Json::array();
  const double most = h.shares.empty() ? 1 : std::ranges::max(h.shares);
  // A bin with few values does not read as an empty one.
  for (double s : h.shares)
    bins.push_back(s > 0 ? std::max(1, int(std::lround(99 * s / most))) : 0);
  return {{"low", number(h.low)}, {"high", number(h.high)}, {"bins", bins}};
}

Histogram histogram_from(const Json& j) {
  Histogram h{number(j.at("low")), number(j.at("high")), {}};
  const Json& bins = j.at("bins");
  if (!bins.is_array() || (!bins.empty() && bins.size() != size_t(histogram_bins)))
    throw std::invalid_argument(fmt::format("expected {} bins", histogram_bins));
  double sum = 0;
  for (const Json& b : bins) {
    h.shares.push_back(std::max(0.0, b.get<double>()));
    sum += h.shares.back();
  }
  for (double& s : h.shares) s /= sum > 0 ? sum : 1;
  if (!(h.low < h.high)) h.shares.clear();
  return h;
}

Json json_of(const SignalStats& s) {
  Json j{{"name", s.name}};
  if (!s.op.empty()) j["op"] = s.op;
  j["mean"] = number(s.mean);
  j["std"] = number(s.std);
  j["zero"] = number(s.zero);
  if (s.op == "relu") j["dead"] = number(s.dead);
  if (s.saturated > 0) j["saturated"] = number(s.saturated);
  j["gradient_mean"] = number(s.gradient_mean);
  j["gradient_std"] = number(s.gradient_std);
  j["values"] = json_of(s.values);
  j["gradient"] = json_of(s.gradient);
  return j;
}

SignalStats stats_from(const Json& j) {
  auto get = [&](const char* key) { return j.contains(key) ? number(j.at(key)) : 0; };
  SignalStats s{.name = j.at("name").get<std::string>(), .op = j.value("op", "")};
  s.mean = get("mean");
  s.std = get("std");
  s.zero = get("zero");
  s.dead = get("dead");
  s.saturated = get("saturated");
  s.gradient_mean = get("gradient_mean");
  s.gradient_std = get("gradient_std");
  s.values = histogram_from(j.at("values"));
  s.gradient = histogram_from(j.at("gradient"));
  return s;
}

std::string line_of(const LayerRecord& r) {
  Json j{{"v", 1}, {"step", r.step}, {"loss", number(r.loss)}};
  for (const char* list : {"activations", "weights"}) j[list] = Json::array();
  for (const SignalStats& s : r.activations) j["activations"].push_back(json_of(s));
  for (size_t i = 0; i < r.weights.size(); ++i) {
    j["weights"].push_back(json_of(r.weights[i]));
    if (i < r.ratios.size()) j["weights"].back()["ratio"] = number(r.ratios[i]);
  }
  for (const NormDrift& d : r.drifts)
    j["drifts"].push_back(
        {{"name", d.name}, {"mean", number(d.mean)}, {"log_var", number(d.log_var)}});
  return j.dump() + "\n";
}

LayerRecord record_from(const Json& j) {
  LayerRecord r{.step = j.at("step").get<int64_t>(), .loss = number(j.at("loss"))};
  for (const Json& s : j.at("activations")) r.activations.push_back(stats_from(s));
  for (const Json& s : j.at("weights")) {
    r.weights.push_back(stats_from(s));
    r.ratios.push_back(s.contains("ratio") ? number(s.at("ratio")) : NAN);
  }
  for (const Json& d : j.value("drifts", Json::array()))
    r.drifts.push_back({d.at("name"), number(d.at("mean")), number(d.at("log_var"))});
  return r;
}

// At most 64 pictures, and of large ones as many as add little to what training holds.
int64_t pictures_of(const Recipe& recipe, Setup& setup) {
  const int64_t most = std::min<int64_t>(recipe.batch, 64);
  const int64_t values = std::max<int64_t>(
      1, models::summarize(*setup.model.net, setup.model.architecture.input).values);
  constexpr int64_t small = int64_t(1) << 24, large = int64_t(1) << 25;  // values
  if (most * values <= small) return most;
  return std::min(most, std::max<int64_t>(2, std::min(recipe.batch / 2, large / values)));
}

// The records before a step. A run goes on without those of a damaged log.
std::string lines_before(const std::string& path, int64_t step) {
  std::string lines;
  if (step == 0 || !std::filesystem::exists(path)) return lines;
  try {
    for (const LayerRecord& r : read_layer_records(path))
      if (r.step < step) lines += line_of(r);
  } catch (const IoError&) {
    return "";
  }
  return lines;
}

}  // namespace

void append_layer_record(const std::string& path, const LayerRecord& r) {
  std::ofstream file(path, std::ios::app);
  file << line_of(r) << std::flush;
  if (!file) throw IoError(path, "cannot be written; is the disk full?");
}

std::vector<LayerRecord> read_layer_records(const std::string& path) {
  std::ifstream file(path);
  if (!file) throw IoError(path, "cannot be opened");
  std::vector<LayerRecord> all;
  int64_t number = 0;
  for (std::string line; std::getline(file, line);) {
    ++number;
    const Json j = Json::parse(line, nullptr, false);
    if (j.is_discarded() && file.eof()) break;  // cut short
    try {
      all.push_back(record_from(j));
    } catch (const std::exception& e) {
      throw IoError(
          path, fmt::format("line {} is no record of the layers of a run: {}", number, e.what()));
    }
  }
  return all;
}

std::map<std::string, double> vital_signs(const LayerRecord& r) {
  std::map<std::string, double> values;
  for (size_t i = 0; i < r.ratios.size(); ++i)
    if (r.ratios[i] > 0) values["update/" + r.weights[i].name] = r.ratios[i];
  for (const SignalStats& a : r.activations) {
    if (a.op == "relu") values["dead/" + a.name] = a.dead;
    if (a.op == "tanh" || a.op == "sigmoid") values["saturated/" + a.name] = a.saturated;
  }
  for (const NormDrift& d : r.drifts) values["drift/" + d.name] = std::max(d.mean, d.log_var);
  return values;
}

LayerWatch::LayerWatch(
    std::string path, const Recipe& recipe, Setup& setup, int64_t total_steps, int64_t reached)
    : path_(std::move(path)), model_(setup.model) {
  const bool looks_at_all = recipe.looks > 0 && total_steps > 0;
  const std::string kept = looks_at_all ? lines_before(path_, reached) : "";
  if (kept.empty())
    std::filesystem::remove(path_);
  else
    write_file_atomic(path_, kept);
  if (!looks_at_all) return;
  options_.loss = setup.loss;
  options_.key = Key(recipe.seed).fold_in(6);
  const int64_t pictures = pictures_of(recipe, setup);
  const double budget = 0.02 * double(total_steps * recipe.batch) / double(pictures);
  const auto looks =
      std::min<int64_t>({recipe.looks, std::max<int64_t>(2, int64_t(budget)), total_steps});
  for (size_t step : spread(size_t(total_steps), size_t(looks)))
    if (int64_t(step) >= reached) steps_.push_back(int64_t(step));
  if (!steps_.empty()) batch_ = sample_batch(recipe, setup, pictures);
}

void LayerWatch::before_step(int64_t step, const Frozen& frozen) {
  if (!std::ranges::binary_search(steps_, step)) return;
  options_.frozen = &frozen;
  const Signals signals = signals_of(*model_.net, batch_, options_);
  record_ = {
      .step = step,
      .loss = signals.loss,
      .activations = stats_of(signals.activations),
      .weights = stats_of(signals.weights),
      .ratios = {},
      .drifts = {}};
  constexpr int64_t few = 16;  // pictures whose own statistics say little
  if (batch_.size() >= few) record_->drifts = signals.drifts;
  for (const LayerSignal& w : signals.weights) before_[w.name] = w.values;
}

std::optional<LayerRecord> LayerWatch::after_step() {
  if (!record_) return {};
  const auto ratios = update_ratios(before_, nn::parameters(*model_.net));
  for (const SignalStats& w : record_->weights)
    record_->ratios.push_back(ratios.contains(w.name) ? ratios.at(w.name) : 0);
  append_layer_record(path_, *record_);
  before_.clear();
  return std::exchange(record_, {});
}

}  // namespace fovea::train
