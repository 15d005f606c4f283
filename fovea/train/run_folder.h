#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace fovea::train {

// One line of metrics.jsonl: where in the run, and named numbers ("train_loss", "val_top1", "lr").
// Events: "begin", "step", "look" (see layer_log.h), "epoch", and at last "end", or "broken" when
// a number was not finite.
struct Metrics {
  std::string event;
  int64_t epoch = 0, step = 0;
  std::map<std::string, double> values;
};

struct Recipe;

// What a new run is called, and what it must not destroy.
struct NewRun {
  std::string folder, name;
  bool overwrite = false;  // a run of that name that is there
  // Files that it begins from, by the setting that names them: {"model.from", "old.safetensors"}.
  std::map<std::string, std::string> sources = {};
};
NewRun new_run(const Recipe& recipe, bool overwrite);

// The folder of one run:
//   recipe.toml         fully resolved
//   metrics.jsonl       a line per event
//   layers.jsonl        histograms of the layers, see layer_log.h
//   events.out.tfevents.*   the same for TensorBoard
//   surface.json        the loss around the model, and surface-path.json along the way, see
//                       loss_surface.h
//   model.safetensors   the best model so far
//   snapshots/          models kept along the way, where the recipe asks for them
//   last.safetensors    everything needed to go on, see checkpoint.h
//   doctor.json         what was found to keep the run from training well, see examiner.h
//   report.html
class RunFolder {
 public:
  // Makes `folder/name`, or `folder/name-2`, ... where that exists; with `overwrite`, that folder
  // without the files of the run in it. Throws std::invalid_argument, before anything is deleted,
  // where a source of the new run lies in there.
  static RunFolder create(const NewRun& run);
  // What can be said of that before the work whose results it will hold. Makes nothing.
  static void check(const NewRun& run);
  // Opens a run to go on with it; throws IoError when it is not one.
  static RunFolder open(const std::string& path);

  const std::filesystem::path& path() const { return path_; }
  std::string file(const std::string& name) const { return (path_ / name).string(); }

 private:
  explicit RunFolder(std::filesystem::path path) : path_(std::move(path)) {}
  std::filesystem::path path_;
};

// The models that a run keeps along the way, in the order of their epochs; none where there are
// none.
std::vector<std::string> snapshot_files(const std::filesystem::path& run);

// How far a run had come at its checkpoint.
struct Reached {
  int64_t epochs = 0, steps = 0;  // done
};

// Appends to metrics.jsonl and to a TensorBoard event file.
class RunLog {
 public:
  // Lines of an earlier session that lie after `reached` are dropped first, since they will be
  // written again, and so is its end. Without it the log begins empty.
  RunLog(const RunFolder& run, std::optional<Reached> reached);
  ~RunLog();

  void write(const Metrics& m);
  void flush();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// The lines of a metrics.jsonl, in order; a last line cut short is left out.
std::vector<Metrics> read_metrics(const std::string& path);

}  // namespace fovea::train
