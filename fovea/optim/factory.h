#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "fovea/optim/optimizer.h"
#include "fovea/optim/schedule.h"

// Optimisers and schedules by name, for recipes and the command line.
namespace fovea::optim {

// As a recipe has them, all as text: {"name": "sgd", "lr": "0.1", "nesterov": "true"}.
using Settings = std::map<std::string, std::string>;

struct OptionInfo {
  std::string name, fallback, doc;
};
struct MethodInfo {
  std::string name, doc, paper;
  std::vector<OptionInfo> options;
};

// An optimiser by "name" with the other settings as its options; see optimizer_table(). Throws
// std::invalid_argument for unknown names and options (naming the nearest and listing all) and for
// values of the wrong type or out of range.
std::unique_ptr<Optimizer> make_optimizer(const Settings& settings);

// The same for a schedule. Any takes "warmup", in epochs, and "warmup_from"; see WarmupOptions.
std::unique_ptr<Schedule> make_schedule(const Settings& settings, const ScheduleContext& context);

const std::vector<MethodInfo>& optimizer_table();
const std::vector<MethodInfo>& schedule_table();

// The tables as text, for a terminal.
std::string optimizer_help();
std::string schedule_help();

}  // namespace fovea::optim
