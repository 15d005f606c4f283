#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

// How the learning rate moves. Steps and epochs count from 0. All but the plateau are functions of
// the step alone, so a resumed run needs nothing but its step.
namespace fovea::optim {

// What a schedule is laid over.
struct ScheduleContext {
  double lr = 0.1;              // where it starts, or what it rises to
  int64_t total_steps = 1;      // of the whole run
  int64_t steps_per_epoch = 1;  // epoch = step / steps_per_epoch
};

class Schedule {
 public:
  virtual ~Schedule() = default;
  virtual double lr(int64_t step) const = 0;

  // After each epoch with a loss: lower is better (give 1 - accuracy for an accuracy). Only the
  // plateau schedule looks at it.
  virtual void epoch_end(double metric) {}

  // What epoch_end has changed, for checkpoints; empty for functions of the step. load_state throws
  // std::invalid_argument for the state of another schedule.
  virtual std::map<std::string, double> state() const { return {}; }
  virtual void load_state(const std::map<std::string, double>& state);
};

std::unique_ptr<Schedule> constant_schedule(const ScheduleContext& c);

// lr factor^floor(epoch / every).
struct StepOptions {
  int every = 30;  // epochs
  double factor = 0.1;
};
std::unique_ptr<Schedule> step_schedule(const ScheduleContext& c, const StepOptions& o = {});

// lr times `factor` from each of `epochs` on.
struct MultistepOptions {
  std::vector<int> epochs = {};  // rising
  double factor = 0.1;
};
std::unique_ptr<Schedule> multistep_schedule(
    const ScheduleContext& c, const MultistepOptions& o = {});

// lr e^{-rate t}, t in epochs and fractions of them. PyTorch's gamma is e^-rate.
struct ExponentialOptions {
  double rate = 0.05;
};
std::unique_ptr<Schedule> exponential_schedule(
    const ScheduleContext& c, const ExponentialOptions& o = {});

// lr / (1 + rate t), t in epochs and fractions of them.
struct InverseOptions {
  double rate = 0.1;
};
std::unique_ptr<Schedule> inverse_schedule(const ScheduleContext& c, const InverseOptions& o = {});

// min_lr + (lr - min_lr) (1 + cos(pi step / total_steps)) / 2 (Loshchilov and Hutter 2017); min_lr
// after the end. With several cycles the curve begins again every ceil(total_steps / cycles) steps
// (Huang et al. 2017, "Snapshot ensembles", equation 2).
struct CosineOptions {
  double min_lr = 0;
  int cycles = 1;
};
std::unique_ptr<Schedule> cosine_schedule(const ScheduleContext& c, const CosineOptions& o = {});

// Half a cosine from lr / start_div up to lr over the first `rise` of the steps, then one down to
// lr / start_div / end_div at the last (Smith and Topin 2018, in PyTorch's two-phase form; the
// momentum stays).
struct OneCycleOptions {
  double rise = 0.3;
  double start_div = 25;
  double end_div = 1e4;
};
std::unique_ptr<Schedule> one_cycle_schedule(
    const ScheduleContext& c, const OneCycleOptions& o = {});

// lr times `factor` when the metric has not fallen below (1 - threshold) of its best for more than
// `patience` epochs; then `cooldown` epochs are not counted. As PyTorch's ReduceLROnPlateau.
struct PlateauOptions {
  double factor = 0.1;
  int patience = 10;
  double threshold = 1e-4;
  int cooldown = 0;
  double min_lr = 0;
};
std::unique_ptr<Schedule> plateau_schedule(const ScheduleContext& c, const PlateauOptions& o = {});

// `then` times a factor that rises in a straight line from `from` at step 0 to 1 at step `steps`
// (Goyal et al. 2017). The clock of `then` runs from step 0 too.
struct WarmupOptions {
  int64_t steps = 0;
  double from = 1.0 / 3;
};
std::unique_ptr<Schedule> warmup_schedule(
    std::unique_ptr<Schedule> then, const WarmupOptions& o = {});

}  // namespace fovea::optim
