#include "fovea/train/running_means.h"

#include <algorithm>

namespace fovea::train {

namespace {

// Stand before the names of the sums.
const std::string epoch, line = "window_";

}  // namespace

RunningMeans::RunningMeans(std::map<std::string, double>& sums) : sums_(sums) {
  clear(epoch);
  clear(line);
}

void RunningMeans::add(const StepResult& r, int64_t samples) {
  for (const std::string& span : {epoch, line}) {
    sums_[span + "loss"] += r.loss * double(samples);
    sums_[span + "correct"] += double(r.correct);
    sums_[span + "seen"] += double(samples);
  }
}

double RunningMeans::of_epoch(const std::string& what) const { return mean(epoch, what); }
double RunningMeans::since_line(const std::string& what) const { return mean(line, what); }
void RunningMeans::end_epoch() { clear(epoch); }
void RunningMeans::end_line() { clear(line); }

double RunningMeans::mean(const std::string& span, const std::string& what) const {
  return sums_.at(span + what) / std::max(sums_.at(span + "seen"), 1.0);
}

void RunningMeans::clear(const std::string& span) {
  for (const char* what : {"loss", "correct", "seen"}) sums_[span + what] = 0;
}

}  // namespace fovea::train
