#include "fovea/search/record.h"

#include <algorithm>
#include <filesystem>

#include "fovea/search/results.h"
#include "fovea/search/run_trial.h"

namespace fovea::search {

Record::Record(const std::string& folder, const Settings& settings, Measure measure)
    : measure_(measure),
      store_((std::filesystem::path(folder) / "search.sqlite").string(), settings),
      stages_(store_.stages()),
      trials_(store_.trials()) {
  for (Trial& t : trials_) {
    if (t.state == State::running) take_epochs(t, epochs_of_run(trial_folder(folder, t.number)));
    if (score(t, measure_)) scored_.insert(t.stage);
  }
}

void Record::add(const Stage& stage) {
  store_.put(stage);
  stages_.push_back(stage);
}

void Record::finish(int stage, const std::vector<std::string>& notes) {
  for (Trial& t : trials_)
    if (t.stage == stage && t.active()) set_state(t, State::stopped);
  Stage& s = stages_[size_t(stage)];
  s.done = true;
  s.notes = notes;
  store_.put(s);
}

std::vector<size_t> Record::add(std::vector<Trial> trials) {
  store_.add(trials);
  std::vector<size_t> places;
  for (Trial& t : trials) {
    places.push_back(trials_.size());
    trials_.push_back(std::move(t));
  }
  return places;
}

int Record::count(int stage) const {
  return int(std::ranges::count(trials_, stage, &Trial::stage));
}

std::vector<size_t> Record::members(int stage, int bracket) const {
  std::vector<size_t> found;
  for (size_t i = 0; i < trials_.size(); ++i)
    if (trials_[i].stage == stage && trials_[i].bracket == bracket) found.push_back(i);
  return found;
}

std::vector<Values> Record::ranked_values(int stage) const {
  std::vector<Values> values;
  for (size_t i : ranked())
    if (trials_[i].stage == stage) values.push_back(trials_[i].values);
  return values;
}

double Record::seconds_per_epoch() const {
  double seconds = 0, epochs = 0;
  for (const Trial& t : trials_) {
    seconds += t.seconds;
    epochs += double(t.epochs.size());
  }
  return epochs > 0 ? seconds / epochs : 0;
}

void Record::set_state(Trial& t, State state) {
  t.state = state;
  store_.update(t);
}

void Record::take_epochs(Trial& t, const std::vector<TrialEpoch>& epochs) {
  for (const TrialEpoch& e : epochs) {
    // One that was trained again after a kill takes the place of the old one.
    std::erase_if(t.epochs, [&](const TrialEpoch& old) { return old.epoch >= e.epoch; });
    t.epochs.push_back(e);
  }
  if (score(t, measure_)) scored_.insert(t.stage);
  store_.put_epochs(t.number, epochs);
  store_.update(t);
}

}  // namespace fovea::search
