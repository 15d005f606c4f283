#include "fovea/train/trainer.h"

#include <chrono>
#include <filesystem>
#include <utility>

#include <fmt/format.h>

#include "fovea/core/allocator.h"
#include "fovea/core/atomic_file.h"
#include "fovea/core/errors.h"
#include "fovea/core/eval.h"
#include "fovea/core/memory_info.h"
#include "fovea/core/text.h"
#include "fovea/optim/average.h"
#include "fovea/optim/factory.h"
#include "fovea/optim/schedule.h"
#include "fovea/train/checkpoint.h"
#include "fovea/train/codes.h"
#include "fovea/train/evaluate.h"
#include "fovea/train/fit.h"
#include "fovea/train/layer_log.h"
#include "fovea/train/loss_surface.h"
#include "fovea/train/non_finite.h"
#include "fovea/train/run_report.h"
#include "fovea/train/running_means.h"
#include "fovea/train/session_state.h"
#include "fovea/train/setup.h"
#include "fovea/train/step.h"

namespace fovea::train {

namespace {

using Clock = std::chrono::steady_clock;

const std::string best_epoch = "best_epoch";  // of Checkpoint::running: how many led to the best

double since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

// A run from setting up to its report.
class Session {
 public:
  // Without a run to go on with, a folder is made for a new one, once all else is known to fit.
  Session(
      const Config& config,
      std::optional<RunFolder> run,
      const TrainOptions& o,
      std::optional<Setup> setup = {})
      : recipe_(config), run_(std::move(run)), options_(o) {
    if (!run_) RunFolder::check(new_run(recipe_, o.overwrite));
    use_processors(recipe_);
    setup_ = setup ? std::move(*setup) : set_up(recipe_);
    for (const std::string& text : setup_.notes) note(text);
    frozen_ = freeze_modules(*setup_.model.net, recipe_.freeze);
    check_new_weights_learn();
    if (recipe_.head_epochs > 0)
      but_head_ = freeze_all_but(
          *setup_.model.net, setup_.fresh.empty() ? head_parameters(setup_.model) : setup_.fresh);
    check_regularized_weights();
    loader_ =
        std::make_unique<data::Loader>(setup_.source.train, loader_options(recipe_, setup_, true));
    if (setup_.source.val)
      val_loader_ =
          std::make_unique<data::Loader>(setup_.source.val, loader_options(recipe_, setup_, false));
    optimizer_ = optim::make_optimizer(recipe_.optimizer);
    total_steps_ = loader_->batches() * recipe_.epochs;
    schedule_ = optim::make_schedule(
        recipe_.schedule,
        {.lr = optimizer_->lr(),
         .total_steps = total_steps_,
         .steps_per_epoch = loader_->batches()});
    if (recipe_.ema > 0) average_ = optim::ParameterAverage::exponential(recipe_.ema);
    if (recipe_.patience > 0 && !val_loader_)
      throw std::invalid_argument(
          "train.patience looks at the validation accuracy, and there are no validation pictures: "
          "set data.val above 0");
    if (run_) {
      restore();
      log_.emplace(*run_, Reached{.epochs = at_.epoch, .steps = at_.step});
    } else {
      run_ = RunFolder::create(new_run(recipe_, o.overwrite));
      write_file_atomic(run_->file("recipe.toml"), config.to_toml());
      log_.emplace(*run_, std::nullopt);
      write_begin();
    }
    at_.running.try_emplace(best_epoch, 0);
    if (by_steps())
      layers_.emplace(run_->file("layers.jsonl"), recipe_, setup_, total_steps_, at_.step);
  }

  TrainResult run() {
    TrainResult result;
    result.folder = run_->path().string();
    if (examiner() && at_.step == 0) examiner()->before(*run_, recipe_, setup_, frozen_);
    const bool in_part = options_.until_epoch > 0;
    const int64_t last = in_part ? std::min<int64_t>(epochs(), options_.until_epoch) : epochs();
    result.interrupted = in_part;
    try {
      while (at_.epoch < last && !out_of_time() && !stalled()) {
        if (!run_epoch()) {
          result.interrupted = true;
          break;
        }
      }
    } catch (const NonFiniteError& e) {
      log_->write({"broken", at_.epoch + 1, at_.step, {{"lr", optimizer_->lr()}}});
      log_->flush();
      if (examiner()) result.remarks = examiner()->broke(*run_, e.what());
      end_early(result, fmt::format("It broke off after step {}: {}", at_.step, e.what()));
      throw;
    }
    result.steps = at_.step;
    result.seconds = at_.seconds;
    log_->flush();
    if (stalled())
      note(fmt::format(
          "stopped after epoch {}: {} in a row without a better validation accuracy",
          at_.epoch,
          recipe_.patience));
    if (!result.interrupted) {
      finish(result);
    } else if (!in_part) {
      if (examiner()) result.remarks = examiner()->after(*run_);
      end_early(
          result,
          fmt::format(
              "It was stopped after step {} of {}; `fovea train --resume {}` goes on",
              at_.step,
              total_steps_,
              result.folder));
    }
    return result;
  }

 private:
  void note(const std::string& text) {
    if (options_.observer) options_.observer->note(text);
  }

  void check_new_weights_learn() {
    for (const std::string& name : setup_.fresh)
      if (frozen_.holds(name))
        throw std::invalid_argument(fmt::format(
            "model.freeze: {} does not fit {} and begins anew, so frozen it would stay random; "
            "freeze only what comes from there",
            name,
            recipe_.from));
  }

  void check_regularized_weights() {
    const Regularization& r = recipe_.regularization;
    if (r.acts_on_weights() && regularized_weights(*setup_.model.net, r, &frozen_).empty())
      throw std::invalid_argument(fmt::format(
          "regularize.on: model.freeze leaves none of the weights \"{}\" to train; name others, or "
          "freeze less",
          r.on));
  }

  Examiner* examiner() const { return recipe_.doctor ? options_.examiner : nullptr; }

  void write_begin() {
    Metrics m{"begin", 0, 0, {}};
    m.values = {
        {"classes", double(setup_.source.classes.size())},
        {"samples", double(setup_.source.train->size())},
        {"steps", by_steps() ? double(total_steps_) : 0}};
    if (setup_.source.val) m.values["val_samples"] = double(setup_.source.val->size());
    log_->write(m);
    log_->flush();
  }

  bool out_of_time() const { return recipe_.max_seconds > 0 && at_.seconds >= recipe_.max_seconds; }

  // What was fitted and has nothing to train is judged as after an epoch.
  bool by_steps() const { return learns_by_steps(setup_.model); }
  int64_t epochs() const { return by_steps() ? recipe_.epochs : 1; }

  // Early stopping: whether train.patience epochs have passed since the best one.
  bool stalled() const {
    return recipe_.patience > 0 &&
           at_.epoch - int64_t(at_.running.at(best_epoch)) >= recipe_.patience;
  }

  // False when a signal asked to stop; the checkpoint is then on disk.
  bool run_epoch() {
    if (!by_steps()) {
      finish_epoch(0);
      return true;
    }
    loader_->start(at_.epoch, at_.batch);
    auto begin = Clock::now();
    double before = at_.seconds;
    int64_t seen = 0;
    while (auto batch = loader_->next()) {
      step(*batch);
      at_.batch = batch->number + 1;
      seen += batch->size();
      at_.seconds = before + since(begin);
      report_step(double(seen) / since(begin));
      Signal signal = options_.signal ? options_.signal() : Signal::go_on;
      bool due = recipe_.save_steps > 0 && at_.step % recipe_.save_steps == 0;
      if (signal != Signal::go_on || due) save();
      if (signal == Signal::stop) return false;
      if (out_of_time()) break;
    }
    at_.seconds = before + since(begin);
    finish_epoch(double(seen) / since(begin));
    return true;
  }

  void step(const data::Batch& batch) {
    optimizer_->set_lr(schedule_->lr(at_.step));
    const Frozen& frozen = at_.epoch < recipe_.head_epochs ? but_head_ : frozen_;
    layers_->before_step(at_.step, frozen);
    StepResult r;
    try {
      r = train_step(
          setup_.model,
          *optimizer_,
          batch,
          Key(recipe_.seed).fold_in(5).fold_in(uint64_t(at_.step)),
          {.loss = setup_.loss,
           .clip_norm = recipe_.clip_norm,
           .frozen = &frozen,
           .regularization = recipe_.regularization});
    } catch (const NonFiniteError& e) {
      throw with_batch(e, batch, *setup_.source.train, place(at_.step));
    }
    const std::optional<LayerRecord> looked = layers_->after_step();
    if (average_) {
      average_->update(nn::parameters(*setup_.model.net));
      eval(values_of(average_->values()));
    }
    ++at_.step;
    means_.add(r, batch.size());
    if (!looked) return;
    Metrics look{"look", at_.epoch + 1, at_.step, vital_signs(*looked)};
    look.values["lr"] = optimizer_->lr();
    log_->write(look);
  }

  void report_step(double rate) {
    int64_t every = std::max<int64_t>(1, loader_->batches() / 20);
    if (at_.step % every == 0) {
      log_->write(
          {"step",
           at_.epoch + 1,
           at_.step,
           {{"train_loss", means_.since_line("loss")},
            {"train_top1", means_.since_line("correct")},
            {"lr", optimizer_->lr()},
            {"resident_mb", double(resident_memory()) / 1e6},
            {"pictures_mb", pictures_mb()},
            {"waited", loader_->share_waited()}}});
      log_->flush();  // so that a run can be watched
      means_.end_line();
    }
    if (!options_.observer) return;
    StepReport r;
    r.epoch = at_.epoch + 1;
    r.epochs = recipe_.epochs;
    r.batch = at_.batch;
    r.batches = loader_->batches();
    r.step = at_.step;
    r.loss = means_.of_epoch("loss");
    r.accuracy = means_.of_epoch("correct");
    r.lr = optimizer_->lr();
    r.images_per_second = rate;
    r.seconds_left = double(total_steps_ - at_.step) * double(recipe_.batch) / std::max(rate, 1e-9);
    options_.observer->on_step(r);
  }

  // Of both loaders; it grows until all pictures were seen or the limit is reached.
  double pictures_mb() const {
    const int64_t val = val_loader_ ? val_loader_->cached_bytes() : 0;
    return double(loader_->cached_bytes() + val) / 1e6;
  }

  // Puts the averaged weights into the model, where the recipe keeps them; gives back the others.
  Tree use_average() {
    if (!average_ || average_->count() == 0) return {};
    Tree trained = nn::parameters(*setup_.model.net);
    nn::assign(*setup_.model.net, average_->values());
    return trained;
  }

  // Names pictures that turned out to be unreadable; the loader leaves them out.
  void tell_of_corrupt() {
    const auto& corrupt = loader_->corrupt();
    if (corrupt.size() == corrupt_told_) return;
    corrupt_told_ = corrupt.size();
    std::vector<std::string> names;
    for (const auto& [index, error] : corrupt) names.push_back(error);
    note(fmt::format(
        "{} of {} training pictures cannot be read and are left out: {}",
        names.size(),
        setup_.source.train->size(),
        list_of(names, 5)));
  }

  StepPlace place(int64_t step) const {
    return {.step = step, .epoch = at_.epoch, .lr = optimizer_->lr()};
  }
  void check_weights() const {
    train::check_weights(*setup_.model.net, optimizer_->name(), place(at_.step - 1));
  }

  // Whether the model is kept after this epoch, the first being 0: at equal distances, and the
  // last.
  bool is_snapshot(int64_t epoch) const {
    const int64_t n = recipe_.snapshots, all = epochs();
    return (epoch + 1) * n / all > epoch * n / all;
  }

  void save_snapshot(const std::optional<Evaluation>& val) {
    std::filesystem::create_directories(run_->file("snapshots"));
    auto best = std::exchange(setup_.model.metrics, {{"epoch", double(at_.epoch + 1)}});
    if (val) setup_.model.metrics.insert({{"val_top1", val->top1}, {"val_loss", val->loss}});
    models::save_model(
        run_->file(fmt::format("snapshots/epoch-{:04}.safetensors", at_.epoch + 1)), setup_.model);
    setup_.model.metrics = std::move(best);
  }

  void finish_epoch(double rate) {
    check_weights();
    tell_of_corrupt();
    std::optional<Evaluation> val;
    Tree trained = use_average();
    if (val_loader_) val = evaluate(setup_.model, *val_loader_);
    double score = val ? val->top1 : means_.of_epoch("correct");
    EpochReport r;
    r.best = score > at_.best;
    if (r.best) {
      at_.best = score;
      at_.running[best_epoch] = double(at_.epoch + 1);
      setup_.model.metrics = {{"epoch", double(at_.epoch + 1)}};
      if (by_steps()) setup_.model.metrics["train_loss"] = means_.of_epoch("loss");
      if (val) setup_.model.metrics.insert({{"val_top1", val->top1}, {"val_loss", val->loss}});
      models::save_model(run_->file("model.safetensors"), setup_.model);
    }
    if (is_snapshot(at_.epoch)) save_snapshot(val);
    nn::assign(*setup_.model.net, trained);
    schedule_->epoch_end(val ? val->loss : means_.of_epoch("loss"));
    ++at_.epoch;
    at_.batch = 0;

    r.epoch = at_.epoch;
    r.epochs = epochs();
    r.step = at_.step;
    r.train_loss = means_.of_epoch("loss");
    r.train_accuracy = means_.of_epoch("correct");
    r.val = val ? &*val : nullptr;
    r.lr = optimizer_->lr();
    r.seconds = at_.seconds;
    r.images_per_second = rate;
    r.waited = loader_->share_waited();
    r.peak_bytes = host_allocator().stats().peak;
    Metrics m{"epoch", at_.epoch, at_.step, {{"peak_mb", double(r.peak_bytes) / 1e6}}};
    if (by_steps())
      m.values.insert(
          {{"train_loss", r.train_loss},
           {"train_top1", r.train_accuracy},
           {"lr", r.lr},
           {"images_per_second", rate},
           {"seconds", r.seconds},
           {"waited", r.waited}});
    if (val)
      m.values.insert({{"val_loss", val->loss}, {"val_top1", val->top1}, {"val_top5", val->top5}});
    log_->write(m);
    log_->flush();
    means_.end_epoch();
    save();
    if (options_.observer) options_.observer->on_epoch(r);
    if (examiner() && at_.epoch < epochs()) examiner()->during(*run_);
  }

  // The test split with the best model, and the report.
  void finish(TrainResult& result) {
    models::Model best = models::load_model(run_->file("model.safetensors"));
    judge(best, setup_.source, recipe_, result);
    if (result.test) {
      best.metrics["test_top1"] = result.test->top1;
      best.metrics["test_loss"] = result.test->loss;
      models::save_model(run_->file("model.safetensors"), best);
    }
    Metrics end{"end", at_.epoch, at_.step, {}};
    if (result.val) end.values["val_top1"] = result.val->top1;
    if (result.test) end.values["test_top1"] = result.test->top1;
    log_->write(end);
    log_->flush();
    if (examiner()) result.remarks = examiner()->after(*run_);
    if (recipe_.loss_surface) {
      note("mapping the loss for the report");
      for (const std::string& text : map_losses(*run_, recipe_, setup_, *best.net)) note(text);
    }
    write_run_report(*run_, recipe_, best, setup_.source, result);
  }

  // The report of a run that does not come to its end: of the network as it stands, and without
  // what takes long.
  void end_early(TrainResult& result, const std::string& how) {
    result.steps = at_.step;
    result.seconds = at_.seconds;
    result.ended = how;
    try {
      write_run_report(*run_, recipe_, setup_.model, setup_.source, result);
    } catch (const std::exception& e) {  // must not hide why the run ends
      note(fmt::format("no report was written: {}", e.what()));
    }
  }

  Learner learner() {
    return {setup_.model, *optimizer_, *schedule_, average_ ? &*average_ : nullptr};
  }

  void save() {
    check_weights();
    log_->flush();  // no checkpoint is ahead of it
    capture(learner(), at_);
    save_checkpoint(run_->file("last.safetensors"), at_);
    at_.tensors.clear();  // so that the next step may write over them
  }

  void restore() {
    at_ = load_checkpoint(run_->file("last.safetensors"));
    for (const std::string& text : train::restore(learner(), at_, recipe_.source)) note(text);
    note(fmt::format("resumed after step {}, epoch {}", at_.step, at_.epoch + 1));
  }

  Recipe recipe_;
  std::optional<RunFolder> run_;
  TrainOptions options_;
  Setup setup_;
  Frozen frozen_, but_head_;  // after and during train.head_epochs
  std::unique_ptr<data::Loader> loader_, val_loader_;
  std::unique_ptr<optim::Optimizer> optimizer_;
  std::unique_ptr<optim::Schedule> schedule_;
  std::optional<optim::ParameterAverage> average_;
  std::optional<RunLog> log_;
  std::optional<LayerWatch> layers_;
  int64_t total_steps_ = 0;
  size_t corrupt_told_ = 0;
  Checkpoint at_;
  RunningMeans means_{at_.running};
};

// A run that goes on reads again what it began from.
void check_sources(const Config& config, const std::string& recipe) {
  for (const char* setting : {"model.from", "model.init"}) {
    const std::string file = config.text(setting);
    std::error_code error;
    if (!file.empty() && !std::filesystem::exists(file, error))
      throw IoError(
          file,
          fmt::format(
              "there is no such file, and {} names it as {}: put it back, or write there where it "
              "is now",
              recipe,
              setting));
  }
}

}  // namespace

TrainResult train(const Config& config, const TrainOptions& o) {
  return Session(config, std::nullopt, o).run();
}

TrainResult train(Setup setup, const Config& config, const TrainOptions& o) {
  return Session(config, std::nullopt, o, std::move(setup)).run();
}

TrainResult resume(const std::string& folder, const TrainOptions& o) {
  RunFolder run = RunFolder::open(folder);
  Config config = recipe_config();
  config.read_toml(run.file("recipe.toml"));
  check_sources(config, run.file("recipe.toml"));
  return Session(config, std::move(run), o).run();
}

}  // namespace fovea::train
