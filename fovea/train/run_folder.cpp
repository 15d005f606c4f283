#include "fovea/train/run_folder.h"

#include <algorithm>
#include <cmath>
#include <fstream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "fovea/core/atomic_file.h"
#include "fovea/core/errors.h"
#include "fovea/formats/tensorboard.h"

namespace fovea::train {

namespace {

namespace fs = std::filesystem;

std::string line_of(const Metrics& m) {
  nlohmann::ordered_json j{{"v", 1}, {"event", m.event}, {"epoch", m.epoch}, {"step", m.step}};
  for (const auto& [name, value] : m.values)
    j[name] =
        std::isfinite(value) ? nlohmann::ordered_json(value) : nlohmann::ordered_json(nullptr);
  return j.dump() + "\n";
}

}  // namespace

RunFolder RunFolder::create(const std::string& folder, const std::string& name, bool overwrite) {
  fs::path path = fs::path(folder) / name;
  for (int n = 2; !overwrite && fs::exists(path); ++n)
    path = fs::path(folder) / fmt::format("{}-{}", name, n);
  std::error_code error;
  fs::create_directories(path, error);
  if (error)
    throw IoError(
        path.string(),
        fmt::format(
            "the folder of the run cannot be made: {}; choose another with --set run.folder=DIR",
            error.message()));
  constexpr std::string_view written[] = {
      "metrics.jsonl",
      "layers.jsonl",
      "model.safetensors",
      "snapshots",
      "last.safetensors",
      "doctor.json",
      "report.html"};
  for (const auto& entry : fs::directory_iterator(path)) {
    const std::string file = entry.path().filename().string();
    if (file.starts_with("events.out.tfevents") || file.starts_with("surface") ||
        std::ranges::count(written, file))
      fs::remove_all(entry.path());  // of the run that is being replaced
  }
  return RunFolder(path);
}

RunFolder RunFolder::open(const std::string& path) {
  if (!fs::exists(path))
    throw IoError(path, "there is no such folder; give that of a run, such as runs/convnet-digits");
  for (const char* file : {"recipe.toml", "last.safetensors"})
    if (!fs::exists(fs::path(path) / file))
      throw IoError(
          path,
          fmt::format(
              "not the folder of a run: it has no {}; give one such as runs/convnet-digits", file));
  // What a process that was killed while it saved left behind.
  for (const auto& entry : fs::directory_iterator(path)) {
    std::string name = entry.path().filename().string();
    if (name.starts_with(".fovea-") && name.ends_with(".tmp")) fs::remove(entry.path());
  }
  return RunFolder(path);
}

std::vector<std::string> snapshot_files(const fs::path& run) {
  std::vector<std::string> files;
  if (fs::is_directory(run / "snapshots"))
    for (const auto& entry : fs::directory_iterator(run / "snapshots"))
      if (entry.path().extension() == ".safetensors") files.push_back(entry.path().string());
  std::ranges::sort(files);
  return files;
}

struct RunLog::State {
  std::ofstream lines;
  std::string path;
  formats::EventWriter events;

  State(const RunFolder& run, std::ios::openmode mode)
      : lines(run.file("metrics.jsonl"), mode),
        path(run.file("metrics.jsonl")),
        events(run.path()) {}
};

RunLog::RunLog(const RunFolder& run, std::optional<Reached> reached) {
  std::string path = run.file("metrics.jsonl");
  if (reached && fs::exists(path)) {
    std::string kept;
    for (const Metrics& m : read_metrics(path)) {
      // The last step of an epoch may have a checkpoint that is older than the epoch's line.
      bool again = m.event == "end" || m.event == "broken" ||
                   (m.event == "epoch" && m.epoch > reached->epochs);
      if (m.step <= reached->steps && !again) kept += line_of(m);
    }
    write_file_atomic(path, kept);
  }
  state_ = std::make_unique<State>(run, reached ? std::ios::app : std::ios::trunc);
  if (!state_->lines) throw IoError(path, "cannot be written");
}

RunLog::~RunLog() = default;

void RunLog::write(const Metrics& m) {
  state_->lines << line_of(m);
  for (const auto& [name, value] : m.values) {
    size_t bar = name.find('_');
    bool grouped = name.find('/') != std::string::npos;
    std::string tag = bar == std::string::npos || grouped
                          ? name
                          : name.substr(bar + 1) + "/" + name.substr(0, bar);
    state_->events.scalar(tag, m.step, value);
  }
}

void RunLog::flush() {
  state_->lines.flush();
  if (!state_->lines) throw IoError(state_->path, "cannot be written; is the disk full?");
  state_->events.flush();
}

std::vector<Metrics> read_metrics(const std::string& path) {
  std::ifstream file(path);
  if (!file) throw IoError(path, "cannot be opened");
  std::vector<Metrics> all;
  for (std::string line; std::getline(file, line);) {
    auto j = nlohmann::json::parse(line, nullptr, false);
    if (!j.is_object()) continue;
    Metrics m;
    for (const auto& [name, value] : j.items()) {
      if (name == "event" && value.is_string())
        m.event = value.get<std::string>();
      else if (name == "epoch" && value.is_number())
        m.epoch = value.get<int64_t>();
      else if (name == "step" && value.is_number())
        m.step = value.get<int64_t>();
      else if (name != "v")
        m.values[name] = value.is_number() ? value.get<double>() : NAN;
    }
    all.push_back(std::move(m));
  }
  return all;
}

}  // namespace fovea::train
