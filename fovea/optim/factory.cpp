#include "fovea/optim/factory.h"

#include <cmath>
#include <functional>
#include <stdexcept>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "fovea/core/text.h"
#include "fovea/optim/adadelta.h"
#include "fovea/optim/adagrad.h"
#include "fovea/optim/adam.h"
#include "fovea/optim/adamw.h"
#include "fovea/optim/fields.h"
#include "fovea/optim/rmsprop.h"
#include "fovea/optim/sgd.h"

namespace fovea::optim {

namespace {

// A line of a table and what makes it; Extra is what making needs besides the settings.
template <class Made, class... Extra>
struct Row {
  MethodInfo info;
  std::function<std::unique_ptr<Made>(const Settings&, const Extra&...)> make;
};

// The row of an optimiser T with options O.
template <class T, class O>
Row<Optimizer> optimizer_row(
    std::string name, std::string doc, std::string paper, std::vector<Field<O>> fields) {
  fields.insert(fields.begin(), {"lr", &O::lr, "learning rate"});
  fields.push_back({"groups", &O::groups, "\"*.bias weight_decay=0; fc.* lr_scale=10\""});
  MethodInfo info{std::move(name), std::move(doc), std::move(paper), options_of(fields)};
  auto make = [info, fields](const Settings& s) -> std::unique_ptr<Optimizer> {
    return std::make_unique<T>(read_options(fields, info, s));
  };
  return {info, make};
}

const std::vector<Row<Optimizer>>& optimizer_rows() {
  static const std::vector<Row<Optimizer>> rows{
      optimizer_row<Sgd, SgdOptions>(
          "sgd",
          "steps down the gradient, with momentum if asked",
          "Polyak 1964; Nesterov 1983; Sutskever et al. 2013",
          {{"momentum", &SgdOptions::momentum, "share of the velocity that stays; 0.9 is usual"},
           {"dampening", &SgdOptions::dampening, "share of the gradient kept out of the velocity"},
           {"nesterov", &SgdOptions::nesterov, "look ahead along the velocity"},
           {"weight_decay", &SgdOptions::weight_decay, "L2; 1e-4 for ResNets"}}),
      optimizer_row<Adagrad, AdagradOptions>(
          "adagrad",
          "steps divided by the root of all squared gradients so far",
          "Duchi et al. 2011",
          {{"eps", &AdagradOptions::eps, "beside the root"},
           {"weight_decay", &AdagradOptions::weight_decay, "L2"}}),
      optimizer_row<Rmsprop, RmspropOptions>(
          "rmsprop",
          "steps divided by the root of a fading mean of squared gradients",
          "Tieleman and Hinton 2012",
          {{"alpha", &RmspropOptions::alpha, "share of the mean square that stays"},
           {"eps", &RmspropOptions::eps, "beside the root"},
           {"momentum", &RmspropOptions::momentum, "share of the velocity that stays"},
           {"centered", &RmspropOptions::centered, "divide by the standard deviation"},
           {"weight_decay", &RmspropOptions::weight_decay, "L2"}}),
      optimizer_row<Adadelta, AdadeltaOptions>(
          "adadelta",
          "steps as large as past steps were, per gradient",
          "Zeiler 2012",
          {{"rho", &AdadeltaOptions::rho, "share of the mean squares that stays"},
           {"eps", &AdadeltaOptions::eps, "inside both roots"},
           {"weight_decay", &AdadeltaOptions::weight_decay, "L2"}}),
      optimizer_row<Adam, AdamOptions>(
          "adam",
          "fading means of gradient and square, corrected for their start; a good default",
          "Kingma and Ba 2015",
          {{"beta1", &AdamOptions::beta1, "share of the mean that stays"},
           {"beta2", &AdamOptions::beta2, "share of the mean square that stays"},
           {"eps", &AdamOptions::eps, "beside the root"},
           {"weight_decay", &AdamOptions::weight_decay, "L2; adamw has the better one"}}),
      optimizer_row<AdamW, AdamWOptions>(
          "adamw",
          "adam with weight decay apart from the gradient",
          "Loshchilov and Hutter 2019",
          {{"beta1", &AdamWOptions::beta1, "share of the mean that stays"},
           {"beta2", &AdamWOptions::beta2, "share of the mean square that stays"},
           {"eps", &AdamWOptions::eps, "beside the root"},
           {"weight_decay", &AdamWOptions::weight_decay, "share lost per step, times lr"}}),
  };
  return rows;
}

struct NoOptions {};

struct WarmupSettings {
  double warmup = 0;
  double warmup_from = WarmupOptions{}.from;
};

const std::vector<Field<WarmupSettings>>& warmup_fields() {
  static const std::vector<Field<WarmupSettings>> fields{
      {"warmup", &WarmupSettings::warmup, "epochs of rising in a straight line first"},
      {"warmup_from", &WarmupSettings::warmup_from, "share of the learning rate it rises from"}};
  return fields;
}

using ScheduleRow = Row<Schedule, ScheduleContext>;

// The row of the schedule that `plain` makes from options O, behind a warm-up.
template <class O, class F>
ScheduleRow schedule_row(
    std::string name, std::string doc, std::string paper, std::vector<Field<O>> fields, F plain) {
  std::vector<OptionInfo> options = options_of(fields);
  for (OptionInfo& option : options_of(warmup_fields())) options.push_back(std::move(option));
  MethodInfo info{std::move(name), std::move(doc), std::move(paper), std::move(options)};
  auto make = [info, fields, plain](const Settings& s, const ScheduleContext& c) {
    std::unique_ptr<Schedule> schedule = plain(c, read_options(fields, info, s));
    auto w = read_options(warmup_fields(), info, s);
    if (w.warmup == 0) return schedule;
    return warmup_schedule(
        std::move(schedule),
        {.steps = std::llround(w.warmup * double(c.steps_per_epoch)), .from = w.warmup_from});
  };
  return {info, make};
}

const std::vector<ScheduleRow>& schedule_rows() {
  static const std::vector<ScheduleRow> rows{
      schedule_row<NoOptions>(
          "constant",
          "lr throughout",
          "",
          {},
          [](const ScheduleContext& c, const NoOptions&) { return constant_schedule(c); }),
      schedule_row<StepOptions>(
          "step",
          "lr times factor after every so many epochs",
          "",
          {{"every", &StepOptions::every, "epochs"},
           {"factor", &StepOptions::factor, "of the learning rate that is left"}},
          step_schedule),
      schedule_row<MultistepOptions>(
          "multistep",
          "lr times factor from each of the epochs on",
          "He et al. 2016",
          {{"epochs", &MultistepOptions::epochs, "\"30, 60, 90\", counted from 0"},
           {"factor", &MultistepOptions::factor, "of the learning rate that is left"}},
          multistep_schedule),
      schedule_row<ExponentialOptions>(
          "exponential",
          "lr e^(-rate t), t in epochs",
          "",
          {{"rate", &ExponentialOptions::rate, "per epoch"}},
          exponential_schedule),
      schedule_row<InverseOptions>(
          "inverse",
          "lr / (1 + rate t), t in epochs",
          "",
          {{"rate", &InverseOptions::rate, "per epoch"}},
          inverse_schedule),
      schedule_row<CosineOptions>(
          "cosine",
          "half a cosine from lr down to min_lr",
          "Loshchilov and Hutter 2017",
          {{"min_lr", &CosineOptions::min_lr, "at the end"},
           {"cycles", &CosineOptions::cycles, "how often the curve is run through"}},
          cosine_schedule),
      schedule_row<OneCycleOptions>(
          "one_cycle",
          "up to lr and down to almost nothing, along cosines",
          "Smith and Topin 2018",
          {{"rise", &OneCycleOptions::rise, "share of the steps that go up"},
           {"start_div", &OneCycleOptions::start_div, "it starts at lr / start_div"},
           {"end_div", &OneCycleOptions::end_div, "and ends at lr / start_div / end_div"}},
          one_cycle_schedule),
      schedule_row<PlateauOptions>(
          "plateau",
          "lr times factor when the validation loss stops falling",
          "",
          {{"factor", &PlateauOptions::factor, "of the learning rate that is left"},
           {"patience", &PlateauOptions::patience, "epochs without a fall that are borne"},
           {"threshold", &PlateauOptions::threshold, "share of the best that is no fall"},
           {"cooldown", &PlateauOptions::cooldown, "epochs not counted after a cut"},
           {"min_lr", &PlateauOptions::min_lr, "never below this"}},
          plateau_schedule),
  };
  return rows;
}

template <class R>
const R& find_row(const std::vector<R>& rows, const Settings& settings, std::string_view what) {
  auto found = settings.find("name");
  std::string name = found == settings.end() ? "" : found->second;
  std::vector<std::string> names;
  for (const R& row : rows) {
    if (row.info.name == name) return row;
    names.push_back(row.info.name);
  }
  throw std::invalid_argument(fmt::format(
      "[{}] expected a name out of {}, got \"{}\"{}",
      what,
      fmt::join(names, ", "),
      name,
      did_you_mean(name, names)));
}

template <class R>
std::vector<MethodInfo> infos_of(const std::vector<R>& rows) {
  std::vector<MethodInfo> infos;
  for (const R& row : rows) infos.push_back(row.info);
  return infos;
}

std::string help(const std::vector<MethodInfo>& table) {
  std::string text;
  for (const MethodInfo& m : table) {
    std::string paper = m.paper.empty() ? "" : fmt::format(" ({})", m.paper);
    text += fmt::format("{:<14} {}{}\n", m.name, m.doc, paper);
    for (const OptionInfo& o : m.options)
      text +=
          fmt::format("  {:<14} {:<10} {}\n", o.name, o.fallback.empty() ? "-" : o.fallback, o.doc);
  }
  return text;
}

}  // namespace

std::unique_ptr<Optimizer> make_optimizer(const Settings& settings) {
  return find_row(optimizer_rows(), settings, "optimizer").make(settings);
}

std::unique_ptr<Schedule> make_schedule(const Settings& settings, const ScheduleContext& context) {
  return find_row(schedule_rows(), settings, "schedule").make(settings, context);
}

const std::vector<MethodInfo>& optimizer_table() {
  static const std::vector<MethodInfo> table = infos_of(optimizer_rows());
  return table;
}

const std::vector<MethodInfo>& schedule_table() {
  static const std::vector<MethodInfo> table = infos_of(schedule_rows());
  return table;
}

std::string optimizer_help() { return help(optimizer_table()); }
std::string schedule_help() { return help(schedule_table()); }

}  // namespace fovea::optim
