#include "fovea/train/run_folder.h"

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <fstream>
#include <unistd.h>

#include <climits>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "fovea/core/atomic_file.h"
#include "fovea/core/errors.h"
#include "fovea/formats/tensorboard.h"
#include "fovea/train/recipe.h"

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

bool is_there(const fs::path& path) {
  std::error_code error;
  return fs::exists(path, error);
}

[[noreturn]] void cannot_make(const fs::path& path, const std::error_code& error) {
  const bool long_name = error == std::errc::filename_too_long;
  throw IoError(
      path.string(),
      fmt::format(
          "the folder of the run cannot be made: {}; choose {}",
          error.message(),
          long_name ? "a shorter --name" : "another with --set run.folder=DIR"));
}

// Why no files can be put into `path`, which is made first where it is not there.
std::error_code obstacle_to(fs::path path) {
  for (const fs::path& part : path)
    if (part.native().size() > NAME_MAX) return std::make_error_code(std::errc::filename_too_long);
  std::error_code error;
  fs::file_status status = fs::status(path, error);
  while (status.type() == fs::file_type::not_found && path != ".") {
    path = path.has_parent_path() ? path.parent_path() : ".";
    status = fs::status(path, error);
  }
  if (error) return error;
  if (!fs::is_directory(status)) return std::make_error_code(std::errc::not_a_directory);
  if (::access(path.c_str(), W_OK | X_OK) != 0) return {errno, std::generic_category()};
  return {};
}

bool lies_in(const fs::path& path, const fs::path& folder) {
  std::error_code no_path, no_folder;
  const fs::path way = fs::weakly_canonical(path, no_path)
                           .lexically_relative(fs::weakly_canonical(folder, no_folder));
  return !no_path && !no_folder && !way.empty() && *way.begin() != "..";
}

// Whether the file, or the link that is its name, lies in the folder.
bool holds(const fs::path& folder, const fs::path& file) {
  return lies_in(file, folder) || lies_in(fs::path(".") / file.parent_path(), folder);
}

// Where the run goes: a name that is free, unless it may replace what is there.
fs::path place_of(const NewRun& run) {
  fs::path path = fs::path(run.folder) / run.name;
  for (int n = 2; !run.overwrite && is_there(path); ++n)
    path = fs::path(run.folder) / fmt::format("{}-{}", run.name, n);
  if (!run.overwrite || !is_there(path)) return path;
  for (const auto& [setting, file] : run.sources)
    if (holds(path, file))
      throw std::invalid_argument(fmt::format(
          "--overwrite would replace {}, and with it {}, which {} says to begin from: give the new "
          "run another --name",
          path.string(),
          file,
          setting));
  return path;
}

}  // namespace

NewRun new_run(const Recipe& recipe, bool overwrite) {
  NewRun run{.folder = recipe.folder, .name = recipe.name, .overwrite = overwrite};
  if (!recipe.from.empty()) run.sources["model.from"] = recipe.from;
  if (!recipe.init.empty()) run.sources["model.init"] = recipe.init;
  return run;
}

void RunFolder::check(const NewRun& run) {
  const fs::path path = place_of(run);
  if (const std::error_code error = obstacle_to(path)) cannot_make(path, error);
}

RunFolder RunFolder::create(const NewRun& run) {
  const fs::path path = place_of(run);
  std::error_code error;
  fs::create_directories(path, error);
  if (error) cannot_make(path, error);
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
