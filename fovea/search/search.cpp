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
#include "fovea/models/model_file.h"
#include "fovea/search/checks.h"
#include "fovea/search/record.h"
#include "fovea/search/results.h"
#include "fovea/search/run_trial.h"
#include "fovea/search/zoom.h"
#include "fovea/train/recipe.h"

namespace fovea::search {

namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr int equal_failures = 4;  // as many in a row for one reason, and the search gives up
constexpr size_t fewest_to_zoom = 4;
constexpr std::string_view model_file = "model.safetensors";  // in the folder of a trial

class Driver {
 public:
  Driver(train::Config config, const SearchOptions& o)
      : config_(std::move(config)),
        recipe_(config_),
        o_(o),
        grid_(o.sampling == Sampling::grid ? grid(o.space, o.points) : std::vector<Values>()),
        record_(open(), settings_of(config_, o), o.measure),
        seconds_before_(record_.seconds()) {}

  SearchResult run() {
    for (int s = 0; s < o_.stages && !interrupted_; ++s) {
      if (size_t(s) >= record_.stages().size()) begin_stage(s);
      if (record_.stage(s).done) continue;
      run_stage(record_.stage(s));
      // One without a result has nothing to zoom in on.
      const bool ends = s + 1 < o_.stages && !interrupted_ && record_.has_score(s);
      if (!ends) break;
      finish_stage(record_.stage(s));
    }
    return publish();
  }

 private:
  // Makes the folder, empty where it is to be overwritten.
  std::string open() const {
    check_space(config_, o_.space);
    if (o_.overwrite) {
      fs::remove_all(fs::path(o_.folder) / "trials");
      for (const char* file : {"search.sqlite", "search.sqlite-wal"})
        fs::remove(fs::path(o_.folder) / file);
    }
    std::error_code error;
    fs::create_directories(o_.folder, error);
    if (error)
      throw IoError(o_.folder, "the folder of the search cannot be made: " + error.message());
    return o_.folder;
  }

  // --- time and signals

  double seconds() const {
    return seconds_before_ + std::chrono::duration<double>(Clock::now() - begin_).count();
  }

  // Each stage has an equal share of the budget, and what the earlier ones left; one without any
  // result yet may go on.
  bool stage_is_over(int stage) const {
    const int shares = record_.has_score(stage) ? stage + 1 : o_.stages;
    return o_.budget > 0 && seconds() >= o_.budget * shares / o_.stages;
  }

  bool must_stop(int stage) {
    if (o_.stop && o_.stop()) interrupted_ = true;
    return interrupted_ || given_up_ || stage_is_over(stage);
  }

  // --- stages

  // Whether some of the choices, each tried alone, train by steps. Where none does, all trials are
  // fitted at once, and there are no epochs to divide.
  bool has_epochs() const {
    bool steps = recipe_.learns_by_steps();
    for (const Dimension& d : o_.space)
      for (const std::string& choice : d.choices) {
        const Values alone{{d.key, choice}};
        steps |= !refusal(config_, alone).empty() ||
                 train::Recipe(with_values(config_, alone)).learns_by_steps();
      }
    return steps;
  }

  int epochs_of_stage(int stage) const {
    if (!has_epochs()) return 0;
    int epochs = recipe_.epochs;
    for (int s = stage + 1; s < o_.stages; ++s) epochs /= o_.eta;
    return std::max(epochs, 1);
  }

  Valid valid() const {
    const std::optional<Shape> input = input_of_best();
    return [this, input](const Values& v) {
      return refusal(config_, v, input ? &*input : nullptr).empty();
    };
  }

  // What the layers of a recipe are built for, once a trial has come that far.
  std::optional<Shape> input_of_best() const {
    const auto ranked = record_.ranked();
    if (recipe_.layers.empty() || ranked.empty()) return {};
    const fs::path model = fs::path(folder_of(record_.trials()[ranked.front()])) / model_file;
    if (!fs::exists(model)) return {};
    return models::load_model(model.string()).architecture.input;
  }

  void begin_stage(int s) {
    Stage stage{.number = s, .epochs = epochs_of_stage(s), .space = o_.space};
    if (s > 0) {
      std::vector<std::string> told;  // when the stage before ended
      stage.space = zoomed(s - 1, told);
    }
    record_.add(stage);
    if (o_.watcher) o_.watcher->on_stage(stage);
  }

  Space zoomed(int stage, std::vector<std::string>& notes) const {
    const Space& space = record_.stage(stage).space;
    const std::vector<Values> ranked = record_.ranked_values(stage);
    if (ranked.size() >= fewest_to_zoom)
      return zoom(space, ranked, {.shrink = o_.shrink, .valid = valid()}, notes);
    notes.push_back(fmt::format(
        "{} trials came to a result, too few to say where to look: the ranges stay",
        ranked.size()));
    return space;
  }

  void finish_stage(const Stage& stage) {
    std::vector<std::string> notes;
    zoomed(stage.number, notes);
    record_.finish(stage.number, notes);
    for (const std::string& text : notes)
      if (o_.watcher) o_.watcher->note(text);
  }

  // How many trials a stage may have, beside what time allows.
  int most_trials(int stage) const {
    int most = std::numeric_limits<int>::max();
    if (o_.sampling == Sampling::grid) most = int(grid_of(stage).size());
    if (o_.trials == 0) return most;
    int before = 0;
    for (int s = 0; s < stage; ++s) before += record_.count(s);
    const auto due = int((int64_t(o_.trials) * (stage + 1) + o_.stages - 1) / o_.stages);
    return std::min(most, std::max(due - before, 0));
  }

  std::vector<Values> grid_of(int stage) const {
    return stage == 0 ? grid_ : grid(record_.stage(stage).space, o_.points);
  }

  void run_stage(const Stage& stage) {
    const auto plan = brackets(o_.stopping, std::max(stage.epochs, 1), o_.eta);
    // Alone, a trial that nothing is compared with leaves the other jobs idle.
    const bool alone = o_.stopping == Stopping::none || stage.epochs == 0;
    for (int b = 0; !must_stop(stage.number); ++b) {
      const Bracket& bracket = plan[size_t(b) % plan.size()];
      const int room = most_trials(stage.number) - record_.count(stage.number);
      std::vector<size_t> members = record_.members(stage.number, b);
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
    const double per_epoch = record_.seconds_per_epoch();
    if (per_epoch == 0) return std::min(wanted, o_.jobs);
    const double left = o_.budget * (stage.number + 1) / o_.stages - seconds();
    const int fitting = trials_that_fit(
        bracket, wanted, {.eta = o_.eta, .jobs = o_.jobs, .seconds_per_epoch = per_epoch}, left);
    const bool none_yet = !record_.has_score(stage.number);
    return none_yet ? std::max(fitting, std::min(wanted, o_.jobs)) : fitting;
  }

  std::vector<size_t> add_trials(const Stage& stage, int bracket, int wanted) {
    const Key key = Key(recipe_.seed).fold_in(7).fold_in(uint64_t(stage.number));
    const int before = record_.count(stage.number);
    std::vector<Values> all;
    if (o_.sampling == Sampling::grid) all = grid_of(stage.number);
    std::vector<Trial> fresh;
    for (int i = 0; i < wanted; ++i) {
      const auto at = size_t(before + i);
      fresh.push_back(
          {.number = std::ssize(record_.trials()) + i + 1,
           .stage = stage.number,
           .bracket = bracket,
           .values = all.empty() ? draw(stage.space, key.fold_in(at)) : all[at]});
    }
    return record_.add(std::move(fresh));
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
      if (Trial& t = record_.trial(i); t.state == State::running) record_.set_state(t, State::done);
  }

  bool all_reached(const std::vector<size_t>& members, int until) const {
    return std::ranges::all_of(
        members, [&](size_t i) { return reached(record_.trials()[i], until); });
  }

  bool trained(const Trial& t, int until) const {
    return (!t.epochs.empty() && t.epochs.back().epoch >= until) ||
           at_their_end_.contains(t.number);
  }
  bool reached(const Trial& t, int until) const { return !t.active() || trained(t, until); }

  // The best of a rung; the others are stopped.
  std::vector<size_t> best_members(const std::vector<size_t>& members, int most, int rung) {
    std::vector<Trial> mine;
    for (size_t i : members) mine.push_back(record_.trials()[i]);
    std::vector<size_t> kept;
    for (size_t at : ranking(mine, o_.measure, rung))
      if (kept.size() < size_t(most) && trained(mine[at], rung)) kept.push_back(members[at]);
    for (size_t i : members)
      if (Trial& t = record_.trial(i); t.active() && std::ranges::find(kept, i) == kept.end())
        record_.set_state(t, State::stopped);
    return kept;
  }

  // Trains the members up to an epoch, `jobs` at a time.
  void run_rung(const Stage& stage, const std::vector<size_t>& members, int until) {
    std::atomic<size_t> next{0};
    std::exception_ptr error;
    auto work = [&] {
      try {
        for (size_t at; (at = next++) < members.size();) {
          std::unique_lock lock(mutex_);
          Trial& t = record_.trial(members[at]);
          if (reached(t, until)) continue;
          if (must_stop(stage.number)) return;
          // Whatever lies there is of no trial that this record knows.
          if (t.state == State::waiting) fs::remove_all(folder_of(t));
          record_.set_state(t, State::running);
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
    set("train.epochs", std::to_string(std::max(epochs, 1)));
    set("train.snapshots", "0");
    const fs::path folder = folder_of(t);
    set("run.folder", folder.parent_path().string());
    set("run.name", folder.filename().string());
    if (o_.jobs > 1) set("run.threads", std::to_string(std::max(1, all_threads_ / o_.jobs)));
    return c;
  }

  void run_part(const Stage& stage, Trial& t, int until) {
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
                 record_.take_epochs(t, {e});
                 record_.set_seconds(seconds());
               }});
    std::lock_guard lock(mutex_);
    t.seconds += std::chrono::duration<double>(Clock::now() - begin).count();
    t.reason = end.reason;
    if (t.reason.empty() && !end.stopped) {
      if (!reached(t, until)) at_their_end_.insert(t.number);
      if (!score(t, o_.measure))
        t.reason = fmt::format("no {} that is finite", name_of(o_.measure));
    }
    record_.set_state(t, t.reason.empty() ? State::running : State::failed);
    record_.set_seconds(seconds());
    tell(stage, t);
    give_up_where_all_fail(t);
  }

  void give_up_where_all_fail(const Trial& t) {
    same_failures_ = t.state != State::failed   ? 0
                     : t.reason == last_reason_ ? same_failures_ + 1
                                                : 1;
    last_reason_ = t.reason;
    const bool none_succeeded = record_.ranked().empty();
    if (same_failures_ >= equal_failures && none_succeeded)
      throw std::invalid_argument(
          fmt::format("[search] the first {} trials all failed: {}", same_failures_, t.reason));
  }

  void tell(const Stage& stage, const Trial& t) {
    if (!o_.watcher) return;
    const auto ranked = record_.ranked();
    o_.watcher->on_trial(
        {.trial = t,
         .best = ranked.empty() ? nullptr : &record_.trials()[ranked.front()],
         .stage_epochs = stage.epochs,
         .seconds = seconds()});
  }

  // --- results

  SearchResult publish() {
    record_.set_seconds(seconds());
    SearchResult r{
        .folder = o_.folder,
        .name = recipe_.name,
        .interrupted = interrupted_,
        .seconds = seconds(),
        .measure = o_.measure,
        .epochs = recipe_.epochs,
        .stages = record_.stages(),
        .trials = record_.trials()};
    const auto ranked = record_.ranked();
    if (!ranked.empty()) {
      r.best = ranked.front();
      const Trial& best = r.trials[*r.best];
      const Stage& stage = r.stages[size_t(best.stage)];
      if (!stage.done)
        r.notes = edge_notes(stage.space, record_.ranked_values(best.stage), valid());
    }
    write_results(r, config_);
    if (!o_.keep_all) remove_weights(r);
    return r;
  }

  train::Config config_;
  train::Recipe recipe_;
  const SearchOptions& o_;
  std::vector<Values> grid_;
  Record record_;
  const double seconds_before_;
  const Clock::time_point begin_ = Clock::now();
  const int all_threads_ = recipe_.threads > 0 ? recipe_.threads : threads();

  std::mutex mutex_;                // for the record and all below, while trials run
  std::set<int64_t> at_their_end_;  // trials that ended before their last epoch by themselves
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
