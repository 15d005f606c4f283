#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "fovea/train/signals.h"

// What the layers of a network did in the course of a run: layers.jsonl in the run's folder, a line
// for each look.
namespace fovea::train {

struct LayerRecord {
  int64_t step = 0;  // that followed, from 0
  double loss = 0;   // of the pictures looked at
  std::vector<SignalStats> activations, weights;
  std::vector<double> ratios;  // for each of weights: norm of its update over its own, at this step
  std::vector<NormDrift> drifts;
};

// Its numbers by name, as metrics.jsonl has them: "update/NAME", the ratio of a weight that moved;
// "dead/NAME" and "saturated/NAME", shares of an activation; "drift/NAME", the larger of the two
// numbers of a batch norm.
std::map<std::string, double> vital_signs(const LayerRecord& r);

void append_layer_record(const std::string& path, const LayerRecord& r);

// The records in order; a last line cut short is left out. Histograms come back to 1 % of their
// fullest bin. Throws IoError for a file that is none of ours.
std::vector<LayerRecord> read_layer_records(const std::string& path);

// Looks at a model between its steps, a few times in a run and always at the same pictures: an
// extra forward and backward pass over at most 64 of them, without augmentation, whose only result
// is a line of the log. What is trained stays the same to the bit.
class LayerWatch {
 public:
  // Looks `recipe.looks` times in `total_steps` steps, the first and the last with them; fewer,
  // though at least twice, where more than a fiftieth of the run's pictures would be used. Records
  // from the step `reached` on, which will come again, are dropped, and those of a log that cannot
  // be read; a new run (0) begins an empty log.
  LayerWatch(
      std::string path,
      const Recipe& recipe,
      Setup& setup,
      int64_t total_steps,
      int64_t reached = 0);

  void before_step(int64_t step, const Frozen& frozen);  // looks, if it is time
  // Notes how far the weights moved; gives the record, if it has looked.
  std::optional<LayerRecord> after_step();

 private:
  std::string path_;
  models::Model& model_;
  SignalOptions options_;
  data::Batch batch_;
  std::vector<int64_t> steps_;  // to look at, rising
  std::optional<LayerRecord> record_;
  Tree before_;  // the weights of the record
};

}  // namespace fovea::train
