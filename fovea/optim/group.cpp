#include "fovea/optim/group.h"

#include <algorithm>
#include <charconv>
#include <stdexcept>

#include <fmt/format.h>

namespace fovea::optim {

namespace {

// The parts of `text` between the separators, without blanks around them; empty ones are left out.
std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    size_t end = std::min(text.find(separator), text.size());
    std::string_view part = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    while (part.starts_with(' ')) part.remove_prefix(1);
    while (part.ends_with(' ')) part.remove_suffix(1);
    if (!part.empty()) parts.push_back(part);
  }
  return parts;
}

}  // namespace

bool glob_match(std::string_view pattern, std::string_view text) {
  size_t p = 0, t = 0, star = std::string_view::npos, resume = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = t;
    } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == text[t])) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {  // let the last star take one more
      p = star + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

const ParamGroup* find_group(const std::vector<ParamGroup>& groups, std::string_view name) {
  for (const ParamGroup& group : groups)
    if (glob_match(group.pattern, name)) return &group;
  return nullptr;
}

std::vector<ParamGroup> parse_groups(std::string_view text) {
  std::vector<ParamGroup> groups;
  for (std::string_view entry : split(text, ';')) {
    auto words = split(entry, ' ');
    ParamGroup group{.pattern = std::string(words[0])};
    for (size_t i = 1; i < words.size(); ++i) {
      size_t equals = words[i].find('=');
      std::string_view key = words[i].substr(0, equals);
      std::string_view value = equals == std::string_view::npos ? "" : words[i].substr(equals + 1);
      double number = 0;
      auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
      bool good = !value.empty() && error == std::errc() && end == value.data() + value.size();
      if (good && key == "lr_scale")
        group.lr_scale = number;
      else if (good && key == "weight_decay")
        group.weight_decay = number;
      else
        throw std::invalid_argument(fmt::format(
            "[groups] expected \"PATTERN lr_scale=NUMBER weight_decay=NUMBER; ...\", got \"{}\" in "
            "\"{}\"",
            words[i],
            entry));
    }
    if (words.size() == 1 || words[0].find('=') != std::string_view::npos)
      throw std::invalid_argument(fmt::format(
          "[groups] expected a pattern and what is special about it, as in \"*.bias "
          "weight_decay=0\", got \"{}\"",
          entry));
    groups.push_back(std::move(group));
  }
  return groups;
}

}  // namespace fovea::optim
