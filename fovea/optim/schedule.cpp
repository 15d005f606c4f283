#include "fovea/optim/schedule.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <stdexcept>

#include <fmt/format.h>

namespace fovea::optim {

namespace {

void check(bool good, std::string_view op, std::string_view what, double value) {
  if (!good) throw std::invalid_argument(fmt::format("[{}] expected {}, got {}", op, what, value));
}

void check_context(const ScheduleContext& c, std::string_view op) {
  check(std::isfinite(c.lr) && c.lr >= 0, op, "a learning rate of 0 or more", c.lr);
  check(c.total_steps > 0, op, "a total_steps above 0", double(c.total_steps));
  check(c.steps_per_epoch > 0, op, "a steps_per_epoch above 0", double(c.steps_per_epoch));
}

void check_factor(double factor, std::string_view op) {
  check(factor > 0 && factor < 1, op, "a factor between 0 and 1", factor);
}

// A schedule that is a function of the step.
template <class F>
class Curve : public Schedule {
 public:
  explicit Curve(F f) : f_(std::move(f)) {}
  double lr(int64_t step) const override { return f_(step); }

 private:
  F f_;
};

template <class F>
std::unique_ptr<Schedule> curve(F f) {
  return std::make_unique<Curve<F>>(std::move(f));
}

double epochs_at(const ScheduleContext& c, int64_t step) {
  return double(step) / double(c.steps_per_epoch);
}

// From a at 0 to b at 1 along half a cosine.
double half_cosine(double a, double b, double share) {
  return b + (a - b) * (1 + std::cos(std::numbers::pi * share)) / 2;
}

constexpr double least_cut = 1e-8;  // of a plateau; smaller ones are not made, as in PyTorch

class Plateau : public Schedule {
 public:
  Plateau(double lr, const PlateauOptions& o) : options_(o), lr_(lr) {}
  double lr(int64_t) const override { return lr_; }

  void epoch_end(double metric) override {
    if (metric < best_ * (1 - options_.threshold)) {
      best_ = metric;
      bad_epochs_ = 0;
    } else {
      ++bad_epochs_;
    }
    if (cooldown_ > 0) {
      --cooldown_;
      bad_epochs_ = 0;
    }
    if (bad_epochs_ <= options_.patience) return;
    double lower = std::max(lr_ * options_.factor, options_.min_lr);
    if (lr_ - lower > least_cut) lr_ = lower;
    cooldown_ = options_.cooldown;
    bad_epochs_ = 0;
  }

  // `best` is left out while there is none.
  std::map<std::string, double> state() const override {
    std::map<std::string, double> s{
        {"lr", lr_}, {"bad_epochs", double(bad_epochs_)}, {"cooldown", double(cooldown_)}};
    if (std::isfinite(best_)) s["best"] = best_;
    return s;
  }

  void load_state(const std::map<std::string, double>& state) override {
    for (const char* key : {"lr", "bad_epochs", "cooldown"})
      if (!state.contains(key))
        throw std::invalid_argument(fmt::format(
            "[plateau] expected state with \"{}\"; was it saved by another schedule?", key));
    lr_ = state.at("lr");
    bad_epochs_ = int(state.at("bad_epochs"));
    cooldown_ = int(state.at("cooldown"));
    auto best = state.find("best");
    best_ = best == state.end() ? std::numeric_limits<double>::infinity() : best->second;
  }

 private:
  PlateauOptions options_;
  double lr_;
  double best_ = std::numeric_limits<double>::infinity();
  int bad_epochs_ = 0, cooldown_ = 0;
};

class Warmup : public Schedule {
 public:
  Warmup(std::unique_ptr<Schedule> then, const WarmupOptions& o)
      : then_(std::move(then)), options_(o) {}

  double lr(int64_t step) const override {
    if (step >= options_.steps) return then_->lr(step);
    double share = double(step) / double(options_.steps);
    return then_->lr(step) * (options_.from + (1 - options_.from) * share);
  }
  void epoch_end(double metric) override { then_->epoch_end(metric); }
  std::map<std::string, double> state() const override { return then_->state(); }
  void load_state(const std::map<std::string, double>& state) override { then_->load_state(state); }

 private:
  std::unique_ptr<Schedule> then_;
  WarmupOptions options_;
};

}  // namespace

void Schedule::load_state(const std::map<std::string, double>& state) {
  if (!state.empty())
    throw std::invalid_argument(fmt::format(
        "[schedule] expected no state, since this schedule depends on the step alone, got \"{}\"; "
        "was it saved by another schedule?",
        state.begin()->first));
}

std::unique_ptr<Schedule> constant_schedule(const ScheduleContext& c) {
  check_context(c, "constant");
  return curve([lr = c.lr](int64_t) { return lr; });
}

std::unique_ptr<Schedule> step_schedule(const ScheduleContext& c, const StepOptions& o) {
  check_context(c, "step");
  check(o.every > 0, "step", "an every above 0 epochs", o.every);
  check_factor(o.factor, "step");
  return curve([c, o](int64_t step) {
    return c.lr * std::pow(o.factor, double(step / c.steps_per_epoch / o.every));
  });
}

std::unique_ptr<Schedule> multistep_schedule(const ScheduleContext& c, const MultistepOptions& o) {
  check_context(c, "multistep");
  check_factor(o.factor, "multistep");
  check(!o.epochs.empty(), "multistep", "at least one of epochs", 0);
  for (size_t i = 0; i < o.epochs.size(); ++i)
    check(o.epochs[i] > (i > 0 ? o.epochs[i - 1] : 0), "multistep", "rising epochs", o.epochs[i]);
  return curve([c, o](int64_t step) {
    auto passed = std::ranges::upper_bound(o.epochs, step / c.steps_per_epoch) - o.epochs.begin();
    return c.lr * std::pow(o.factor, double(passed));
  });
}

std::unique_ptr<Schedule> exponential_schedule(
    const ScheduleContext& c, const ExponentialOptions& o) {
  check_context(c, "exponential");
  check(o.rate >= 0, "exponential", "a rate of 0 or more", o.rate);
  return curve([c, o](int64_t step) { return c.lr * std::exp(-o.rate * epochs_at(c, step)); });
}

std::unique_ptr<Schedule> inverse_schedule(const ScheduleContext& c, const InverseOptions& o) {
  check_context(c, "inverse");
  check(o.rate >= 0, "inverse", "a rate of 0 or more", o.rate);
  return curve([c, o](int64_t step) { return c.lr / (1 + o.rate * epochs_at(c, step)); });
}

std::unique_ptr<Schedule> cosine_schedule(const ScheduleContext& c, const CosineOptions& o) {
  check_context(c, "cosine");
  check(o.min_lr >= 0 && o.min_lr <= c.lr, "cosine", "a min_lr from 0 to lr", o.min_lr);
  check(
      o.cycles >= 1 && o.cycles <= c.total_steps,
      "cosine",
      "from 1 to total_steps cycles",
      o.cycles);
  const int64_t length = (c.total_steps + o.cycles - 1) / o.cycles;
  return curve([c, o, length](int64_t step) {
    const double share = step < c.total_steps ? double(step % length) / double(length) : 1;
    return half_cosine(c.lr, o.min_lr, share);
  });
}

std::unique_ptr<Schedule> one_cycle_schedule(const ScheduleContext& c, const OneCycleOptions& o) {
  check_context(c, "one_cycle");
  check(o.rise >= 0 && o.rise <= 1, "one_cycle", "a rise in [0, 1]", o.rise);
  check(o.start_div >= 1, "one_cycle", "a start_div of 1 or more", o.start_div);
  check(o.end_div >= 1, "one_cycle", "an end_div of 1 or more", o.end_div);
  return curve([c, o](int64_t step) {
    double start = c.lr / o.start_div, end = start / o.end_div;
    double last = double(c.total_steps) - 1, top = o.rise * double(c.total_steps) - 1;
    double at = std::min(double(step), last);
    if (at <= top && top > 0) return half_cosine(start, c.lr, at / top);
    top = std::max(top, 0.0);
    return half_cosine(c.lr, end, last > top ? (at - top) / (last - top) : 1);
  });
}

std::unique_ptr<Schedule> plateau_schedule(const ScheduleContext& c, const PlateauOptions& o) {
  check_context(c, "plateau");
  check_factor(o.factor, "plateau");
  check(o.patience >= 0, "plateau", "a patience of 0 or more", o.patience);
  check(o.threshold >= 0 && o.threshold < 1, "plateau", "a threshold in [0, 1)", o.threshold);
  check(o.cooldown >= 0, "plateau", "a cooldown of 0 or more", o.cooldown);
  check(o.min_lr >= 0, "plateau", "a min_lr of 0 or more", o.min_lr);
  return std::make_unique<Plateau>(c.lr, o);
}

std::unique_ptr<Schedule> warmup_schedule(std::unique_ptr<Schedule> then, const WarmupOptions& o) {
  check(o.steps >= 0, "warmup", "a number of steps of 0 or more", double(o.steps));
  check(o.from >= 0 && o.from <= 1, "warmup", "a from in [0, 1]", o.from);
  return std::make_unique<Warmup>(std::move(then), o);
}

}  // namespace fovea::optim
