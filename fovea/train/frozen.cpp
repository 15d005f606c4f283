#include "fovea/train/frozen.h"

#include <algorithm>
#include <stdexcept>

#include <fmt/format.h>

#include "fovea/core/text.h"

namespace fovea::train {

namespace {

std::string_view module_of(std::string_view parameter) {
  const size_t dot = parameter.rfind('.');
  return dot == std::string_view::npos ? std::string_view() : parameter.substr(0, dot);
}

}  // namespace

bool Frozen::holds(std::string_view parameter) const {
  for (std::string_view path = module_of(parameter); !path.empty(); path = module_of(path))
    if (modules.contains(path)) return true;
  return false;
}

Frozen freeze_modules(nn::Module& net, const std::vector<std::string>& paths) {
  const Tree parameters = nn::parameters(net);
  Frozen frozen;
  for (const std::string& path : paths) {
    auto inside = [&](const auto& entry) { return entry.first.starts_with(path + "."); };
    if (std::ranges::none_of(parameters, inside)) {
      std::set<std::string> known;
      for (const auto& [name, t] : parameters)
        for (std::string_view p = module_of(name); !p.empty(); p = module_of(p)) known.emplace(p);
      throw std::invalid_argument(fmt::format(
          "[freeze] expected the path of a module with parameters, got \"{}\"{}",
          path,
          did_you_mean(path, {known.begin(), known.end()})));
    }
    frozen.modules.insert(path);
  }
  return frozen;
}

Frozen freeze_all_but(nn::Module& net, const std::set<std::string>& parameters) {
  std::set<std::string, std::less<>> all, open;
  for (const auto& [name, t] : nn::parameters(net)) {
    const std::string module(module_of(name));
    (parameters.contains(name) ? open : all).insert(module);
  }
  Frozen frozen;
  for (const std::string& module : all)
    if (!open.contains(module)) frozen.modules.insert(module);
  return frozen;
}

}  // namespace fovea::train
