#include "fovea/search/search.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <exception>
#include <filesystem>
#include <limits>
#include <mutex>
#include <set>
#include <stdexcept>
#include <thread>

#include <fmt/format.h>

#include "fovea/core/device.h"
#include "fovea/core/errors.h"
#include "fovea/search/checks.h"
#include "fovea/search/results.h"
#include "fovea/search/run_trial.h"
#include "fovea/train/recipe.h"

namespace fovea::search {

namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr int equal_failures = 4;  // as many in a row for one reason, and the search gives up

class Driver {
 public:
  Driver(train::Config config, const SearchOptions& o)
      : config_(std::move(config)),
        recipe_(config_),
        o_(o),
        grid_(o.sampling == Sampling::grid ? grid(o.space, o.points) : std::vector<Values>()),
        store_(open()),
        seconds_before_(store_->seconds()) {
    stages_ = store_->stages();
    trials_ = store_->trials();
    for (Trial& t : trials_) {
      // What a kill kept from being written is still in the folders of the runs.
      if (t.state == State::running) take_epochs(t, epochs_of_run(folder_of(t)));
      if (score(t, o_.measure)) scored_.insert(t.stage);
    }
  }

  SearchResult run() {
    for (int s = 0; s < o_.stages && !asked_to_stop(); ++s) {
      if (size_t(s) >= stages_.size()) begin_stage(s);
      if (stages_[size_t(s)].done) continue;
      run_stage(stages_[size_t(s)]);
      const bool last = s + 1 == o_.stages;
      if (!last && !asked_to_stop() && !best_of(s).empty()) finish_stage(stages_[size_t(s)]);
      if (!last && !stages_[size_t(s)].done) break;
    }
    return publish();
  }

 private:
  std::unique_ptr<Store> open() {
    check_space(config_, o_.space);
    if (o_.overwrite) {
      fs::remove_all(fs::path(o_.folder) / "trials");
      for (const char* file : {"search.sqlite", "search.sqlite-journal"})
        fs::remove(fs::path(o_.folder) / file);
    }
    std::error_code error;
    fs::create_directories(o_.folder, error);
    if (error)
      throw IoError(o_.folder, "the folder of the search cannot be made: " + error.message());
    return std::make_unique<Store>(
        (fs::path(o_.folder) / "search.sqlite").string(), settings_of(config_, o_));
  }

  // --- time and signals

  double seconds() const {
    return seconds_before_ + std::chrono::duration<double>(Clock::now() - begin_).count();
  }
  bool asked_to_stop() const { return interrupted_; }

  // Each stage has an equal share of the budget, and what the earlier ones left; one without any
  // result yet may go on.
  bool stage_is_over(int stage) const {
    const int shares = scored_.contains(stage) ? stage + 1 : o_.stages;
    return o_.budget > 0 && seconds() >= o_.budget * shares / o_.stages;
  }

  bool must_stop(int stage) {
    if (o_.stop && o_.stop()) interrupted_ = true;
    return interrupted_ || given_up_ || stage_is_over(stage);
  }

  // --- stages

  int epochs_of_stage(int stage) const {
    int epochs = recipe_.epochs;
    for (int s = stage + 1; s < o_.stages; ++s) epochs /= o_.eta;
    return std::max(epochs, 1);
  }

  // Trials of a stage, from the best to the worst.
  std::vector<Values> best_of(int stage) const {
    std::vector<Trial> mine;
    for (const Trial& t : trials_)
      if (t.stage == stage) mine.push_back(t);
    std::vector<Values> ranked;
    for (size_t i : ranking(mine, o_.measure)) ranked.push_back(mine[i].values);
    return ranked;
  }

  Valid valid() const {
    return [this](const Values& v) { return refusal(config_, v).empty(); };
  }

  void begin_stage(int s) {
    Stage stage{.number = s, .epochs = epochs_of_stage(s), .space = o_.space};
    if (s > 0) {
      std::vector<std::string> told;  // when the stage before ended
      stage.space =
          zoom(stages_.back().space, best_of(s - 1), {.shrink = o_.shrink, .valid = valid()}, told);
    }
    store_->put(stage);
    stages_.push_back(stage);
    if (o_.watcher) o_.watcher->on_stage(stage);
  }

  void finish_stage(Stage& stage) {
    stage.done = true;
    zoom(stage.space, best_of(stage.number), {.shrink = o_.shrink, .valid = valid()}, stage.notes);
    for (Trial& t : trials_)
      if (t.stage == stage.number && t.active()) set_state(t, State::stopped);
    store_->put(stage);
    for (const std::string& text : stage.notes)
      if (o_.watcher) o_.watcher->note(text);
  }

  int count(int stage) const { return int(std::ranges::count(trials_, stage, &Trial::stage)); }

  // How many trials a stage may have, beside what time allows.
  int most_trials(int stage) const {
    int most = std::numeric_limits<int>::max();
    if (o_.sampling == Sampling::grid) most = int(grid_of(stage).size());
    if (o_.trials == 0) return most;
    int before = 0;
    for (int s = 0; s < stage; ++s) before += count(s);
    const auto due = int((int64_t(o_.trials) * (stage + 1) + o_.stages - 1) / o_.stages);
    return std::min(most, std::max(due - before, 0));
  }

  std::vector<Values> grid_of(int stage) const {
    return stage == 0 ? grid_ : grid(stages_[size_t(stage)].space, o_.points);
  }

  void run_stage(const Stage& stage) {
    const auto plan = brackets(o_.stopping, stage.epochs, o_.eta);
    // Alone, a trial that nothing is compared with leaves the other jobs idle.
    const bool alone = o_.stopping == Stopping::none;
    for (int b = 0; !must_stop(stage.number); ++b) {
      const Bracket& bracket = plan[size_t(b) % plan.size()];
      const int room = most_trials(stage.number) - count(stage.number);
      std::vector<size_t> members = members_of(stage.number, b);
      if (members.empty()) {
        const int wanted =
            in_time(stage, bracket, std::min(alone ? o_.jobs : bracket.trials, room));
        if (wanted <= 0) break;
        members = add_trials(stage, b, wanted);
      }
      run_bracket(stage, bracket, members);
      if (!must_stop(stage.number)) publish();
    }
  }

  // How many of the trials that a bracket wants can be trained in what is left of the stage's time.
  // While nobody knows how long an epoch takes, one for each job finds out.
  int in_time(const Stage& stage, const Bracket& bracket, int wanted) const {
    if (o_.budget == 0) return wanted;
    double spent = 0, epochs = 0;
    for (const Trial& t : trials_) {
      spent += t.seconds;
      epochs += double(t.epochs.size());
    }
    if (epochs == 0) return std::min(wanted, o_.jobs);
    const double left = o_.budget * (stage.number + 1) / o_.stages - seconds();
    const int fitting = trials_that_fit(
        bracket,
        wanted,
        {.eta = o_.eta, .jobs = o_.jobs, .seconds_per_epoch = spent / epochs},
        left);
    const bool none_yet = !scored_.contains(stage.number);
    return none_yet ? std::max(fitting, std::min(wanted, o_.jobs)) : fitting;
  }

  std::vector<size_t> members_of(int stage, int bracket) const {
    std::vector<size_t> found;
    for (size_t i = 0; i < trials_.size(); ++i)
      if (trials_[i].stage == stage && trials_[i].bracket == bracket) found.push_back(i);
    return found;
  }

  std::vector<size_t> add_trials(const Stage& stage, int bracket, int wanted) {
    const Key key = Key(recipe_.seed).fold_in(7).fold_in(uint64_t(stage.number));
    const int before = count(stage.number);
    std::vector<Values> all;
    if (o_.sampling == Sampling::grid) all = grid_of(stage.number);
    std::vector<Trial> fresh;
    for (int i = 0; i < wanted; ++i) {
      const auto at = size_t(before + i);
      fresh.push_back(
          {.number = int64_t(trials_.size()) + i + 1,
           .stage = stage.number,
           .bracket = bracket,
           .values = all.empty() ? draw(stage.space, key.fold_in(at)) : all[at]});
    }
    store_->add(fresh);
    std::vector<size_t> members;
    for (Trial& t : fresh) {
      members.push_back(trials_.size());
      trials_.push_back(std::move(t));
    }
    return members;
  }

  // --- brackets and rungs

  void run_bracket(const Stage& stage, const Bracket& bracket, std::vector<size_t> members) {
    const auto begun = int(members.size());
    for (size_t rung = 0; rung < bracket.rungs.size(); ++rung) {
      const int until = bracket.rungs[rung];
      if (rung > 0) {
        members =
            best_members(members, survivors(begun, int(rung), o_.eta), bracket.rungs[rung - 1]);
      }
      run_rung(stage, members, until);
      if (must_stop(stage.number) && !all_reached(members, until)) return;
    }
    for (size_t i : members)
      if (trials_[i].state == State::running) set_state(trials_[i], State::done);
  }

  bool all_reached(const std::vector<size_t>& members, int until) const {
    return std::ranges::all_of(members, [&](size_t i) { return reached(trials_[i], until); });
  }

  bool trained(const Trial& t, int until) const {
    return (!t.epochs.empty() && t.epochs.back().epoch >= until) ||
           at_their_end_.contains(t.number);
  }
  bool reached(const Trial& t, int until) const { return !t.active() || trained(t, until); }

  // The best of a rung; the others are stopped.
  std::vector<size_t> best_members(const std::vector<size_t>& members, int most, int rung) {
    std::vector<Trial> mine;
    for (size_t i : members) mine.push_back(trials_[i]);
    std::vector<size_t> kept;
    for (size_t at : ranking(mine, o_.measure, rung))
      if (kept.size() < size_t(most) && trained(mine[at], rung)) kept.push_back(members[at]);
    for (size_t i : members)
      if (std::ranges::find(kept, i) == kept.end() && trials_[i].active())
        set_state(trials_[i], State::stopped);
    return kept;
  }

  // Trains the members up to an epoch, `jobs` at a time.
  void run_rung(const Stage& stage, const std::vector<size_t>& members, int until) {
    std::atomic<size_t> next{0};
    std::exception_ptr error;
    auto work = [&] {
      try {
        for (size_t at; (at = next++) < members.size();)
          if (Trial& t = trials_[members[at]]; !reached(t, until)) {
            std::unique_lock lock(mutex_);
            if (must_stop(stage.number)) return;
            lock.unlock();
            run_part(stage, t, until);
          }
      } catch (...) {
        std::lock_guard lock(mutex_);
        error = std::current_exception();
        given_up_ = true;
      }
    };
    std::vector<std::thread> others;
    for (int j = 1; j < std::min(o_.jobs, int(members.size())); ++j) others.emplace_back(work);
    work();
    for (std::thread& t : others) t.join();
    if (error) std::rethrow_exception(error);
  }

  std::string folder_of(const Trial& t) const { return trial_folder(o_.folder, t.number); }

  train::Config recipe_of(const Trial& t, int epochs) const {
    train::Config c = with_values(config_, t.values);
    auto set = [&](const char* key, const std::string& value) { c.set(key, value, "search"); };
    set("train.epochs", std::to_string(epochs));
    set("train.snapshots", "0");
    const fs::path folder = folder_of(t);
    set("run.folder", folder.parent_path().string());
    set("run.name", folder.filename().string());
    if (o_.jobs > 1) set("run.threads", std::to_string(std::max(1, all_threads_ / o_.jobs)));
    return c;
  }

  void run_part(const Stage& stage, Trial& t, int until) {
    {
      std::lock_guard lock(mutex_);
      set_state(t, State::running);
    }
    const auto begin = Clock::now();
    TrialEnd end;
    if (std::string why = refusal(config_, t.values); !why.empty())
      end.reason = why;
    else
      end = run_trial(
          {.recipe = recipe_of(t, stage.epochs),
           .folder = folder_of(t),
           .until_epoch = until,
           .stop =
               [&] {
                 std::lock_guard lock(mutex_);
                 return must_stop(stage.number);
               },
           .on_epoch =
               [&](const TrialEpoch& e) {
                 std::lock_guard lock(mutex_);
                 take_epochs(t, {e});
                 store_->set_seconds(seconds());
               }});
    std::lock_guard lock(mutex_);
    t.seconds += std::chrono::duration<double>(Clock::now() - begin).count();
    t.reason = end.reason;
    set_state(t, end.reason.empty() ? State::running : State::failed);
    store_->set_seconds(seconds());
    if (end.reason.empty() && !end.stopped && !reached(t, until)) at_their_end_.insert(t.number);
    if (end.reason.empty() && !end.stopped && !score(t, o_.measure))
      throw std::invalid_argument(fmt::format(
          "[search] trial {} has no {}: is there a validation split?",
          t.number,
          name_of(o_.measure)));
    tell(stage, t);
    give_up_where_all_fail(t);
  }

  void give_up_where_all_fail(const Trial& t) {
    same_failures_ = t.state != State::failed   ? 0
                     : t.reason == last_reason_ ? same_failures_ + 1
                                                : 1;
    last_reason_ = t.reason;
    const bool none_succeeded = ranking(trials_, o_.measure).empty();
    if (same_failures_ >= equal_failures && none_succeeded)
      throw std::invalid_argument(
          fmt::format("[search] the first {} trials all failed: {}", same_failures_, t.reason));
  }

  void tell(const Stage& stage, const Trial& t) {
    if (!o_.watcher) return;
    const auto ranked = ranking(trials_, o_.measure);
    o_.watcher->on_trial(
        {.trial = t,
         .best = ranked.empty() ? nullptr : &trials_[ranked.front()],
         .stage_epochs = stage.epochs,
         .seconds = seconds()});
  }

  void set_state(Trial& t, State state) {
    t.state = state;
    store_->update(t);
  }

  // Adds epochs, or replaces those that were trained again after a kill.
  void take_epochs(Trial& t, const std::vector<TrialEpoch>& epochs) {
    for (const TrialEpoch& e : epochs) {
      std::erase_if(t.epochs, [&](const TrialEpoch& old) { return old.epoch >= e.epoch; });
      t.epochs.push_back(e);
    }
    if (score(t, o_.measure)) scored_.insert(t.stage);
    store_->put_epochs(t.number, epochs);
  }

  // --- results

  SearchResult publish() {
    store_->set_seconds(seconds());
    SearchResult r{
        .folder = o_.folder,
        .name = recipe_.name,
        .interrupted = interrupted_,
        .seconds = seconds(),
        .measure = o_.measure,
        .epochs = recipe_.epochs,
        .stages = stages_,
        .trials = trials_};
    const auto ranked = ranking(trials_, o_.measure);
    if (!ranked.empty()) {
      r.best = ranked.front();
      const Trial& best = trials_[*r.best];
      const Stage& stage = stages_[size_t(best.stage)];
      if (!stage.done) r.notes = edge_notes(stage.space, best.values, valid());
    }
    write_results(r, config_);
    if (!o_.keep_all) remove_weights(r);
    return r;
  }

  train::Config config_;
  train::Recipe recipe_;
  const SearchOptions& o_;
  std::vector<Values> grid_;
  std::unique_ptr<Store> store_;
  const double seconds_before_;
  const Clock::time_point begin_ = Clock::now();
  const int all_threads_ = recipe_.threads > 0 ? recipe_.threads : threads();

  std::mutex mutex_;  // for all below and the store, while trials run
  std::vector<Stage> stages_;
  std::vector<Trial> trials_;
  std::set<int64_t> at_their_end_;  // trials that ended before their last epoch by themselves
  std::set<int> scored_;            // stages with a trial that has a score
  bool interrupted_ = false, given_up_ = false;
  int same_failures_ = 0;
  std::string last_reason_;
};

}  // namespace

SearchResult search(train::Config recipe, const SearchOptions& o) {
  recipe.forget("search.");
  check(train::Recipe(recipe), o);
  return Driver(std::move(recipe), o).run();
}

}  // namespace fovea::search
